"""Which brokers this client can speak to, by the versions of requests that they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_kafka._options import KafkaOptions

Versions = tuple[int, int]
"""The oldest and the newest version of a request."""

PRODUCE: Final = 0
FETCH: Final = 1
INIT_PRODUCER_ID: Final = 22

NEEDED: Final[Mapping[int, tuple[str, int, int, str]]] = {
    PRODUCE: ("Produce", 3, 7, "Kafka 0.11"),
    FETCH: ("Fetch", 4, 11, "Kafka 0.11"),
    INIT_PRODUCER_ID: ("InitProducerId", 0, 1, "Kafka 0.11"),
}
"""Requests, the versions of them that serve, and the first Kafka that has the oldest of these.

Before, messages have no headers, and nothing is idempotent. The newest are aiokafka's.
"""

_WITH_ZSTD: Final = 7


def why_unusable(versions: Mapping[int, Versions], options: KafkaOptions) -> str | None:
    """Return why a broker that takes these requests is of no use; None where it is."""
    for api, (name, oldest, newest, since) in NEEDED.items():
        if api == INIT_PRODUCER_ID and not options.enable_idempotence:
            continue
        taken = versions.get(api)
        if taken is None or taken[1] < oldest:
            has = f"takes {name} requests up to version {taken[1]}" if taken else f"has no {name}"
            return f"it is too old: it {has}; {since} or newer is needed"
        if taken[0] > newest:
            return (
                f"it is too new for the aiokafka that is installed: it takes {name} requests only "
                f"from version {taken[0]} on; install a newer aiokafka"
            )
    if options.compression_type == "zstd" and versions[PRODUCE][1] < _WITH_ZSTD:
        return "it is too old for compressionType zstd, which needs Kafka 2.1; expected another"
    return None
