"""What an event costs on its way to Kafka, beside loops over other producers, written by hand."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from tests.benchmarks._delay import delayed
from tests.benchmarks._kafka_sides import BATCH_BYTES, PORTION
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Rounds, Side, alternate
from tests.kafka.topics import create_topic
from tests.peers.kafka_choice import variable
from tests.peers.kafka_java import JavaBroker

if TYPE_CHECKING:
    from collections.abc import Iterable

_few = 5_000
_none_twice = 10**9
_added = 0.005
_sides = {
    "backplane": "backplane",
    "aiokafka send": "send_loop",
    "confluent": "confluent",
    "confluent aio": "confluent_aio",
}
_others = tuple(_sides)[1:]


class _Case(msgspec.Struct, frozen=True):
    codec: str
    partitions: int
    keys: int = _few
    far: bool = False

    def __str__(self) -> str:
        keys = "no key twice" if self.keys == _none_twice else f"{self.keys:,} keys"
        partitions = "1 partition" if self.partitions == 1 else f"{self.partitions} partitions"
        return f"{self.codec}, {partitions}, {keys}" + (", + 5 ms" if self.far else "")


_short = (_Case("none", 1), _Case("none", 6, _none_twice), _Case("zstd", 6, far=True))
_all = (
    *(_Case(codec, partitions) for codec in ("none", "zstd") for partitions in (1, 6)),
    _Case("none", 6, _none_twice),
    *(_Case(codec, partitions, far=True) for codec in ("none", "zstd") for partitions in (1, 6)),
)


def run(*, quick: bool) -> Report:
    """Measure with one partition and six, few keys and many, with zstd, and far from the broker."""
    events, rounds = (2_000, 1) if quick else (60_000, 3)
    report = Report(benchmark="kafka")
    lost = 0.0
    with ExitStack() as stack:
        near = os.environ.get(variable)
        far = None
        if near is None:
            broker = stack.enter_context(JavaBroker(proxied=True))
            stack.enter_context(delayed(broker.advertised, broker.behind, _added / 2))
            near, far = broker.brokers, f"127.0.0.1:{broker.advertised}"
        for case in _short if quick else _all:
            brokers = far if case.far else near
            if brokers is None:
                report.skipped.append(f"{case}: {variable} names brokers, which are not made far")
                continue
            given = {
                "brokers": brokers,
                "topic": create_topic(near, case.partitions),
                "codec": case.codec,
                "events": events,
                "keys": case.keys,
            }
            sides = {
                side: Side("_kafka_sides", function, given) for side, function in _sides.items()
            }
            result = alternate(sides, rounds)
            lost += sum(result.median(side, "lost") for side in _sides)
            _add(report, case, result)
    report.notes = list(_notes(events, rounds, lost))
    return report


def _notes(events: int, rounds: int, lost: float) -> Iterable[str]:
    yield (
        f"{rounds} rounds of fresh processes, medians; {events:,} records, {PORTION} at a time, "
        f"five headers, idempotent, acks all, batches up to {BATCH_BYTES // 1024} KiB"
    )
    yield "CPU is of the client's process with all its threads; the broker is on the same machine"
    yield "confluent stops the loop while it sends; confluent aio takes neither headers nor times"
    yield "RSS is the peak less what there was before, with the records already made"
    yield "the loop's lag is of a second pass over the same records: watching it costs CPU"
    yield f"events lost: {lost:.0f}"


def _add(report: Report, case: _Case, result: Rounds) -> None:
    for other in _others:
        limit = {"aiokafka send": 0.35, "confluent": 1.3}.get(other)
        if other == "confluent" and case.codec != "none":
            limit = None
        report.add(
            f"CPU per event, {case}",
            "us",
            result.median("backplane", "cpu"),
            beside=other,
            other=result.median(other, "cpu"),
            ratio=result.ratio("backplane", other, "cpu"),
            bar=Bar(f"ratio <= {limit}", limit, on="ratio") if limit else None,
        )
    for what, figure, unit, bar in (
        ("events/s", "per_second", "/s", None),
        ("loop lag p99", "lag", "ms", Bar("<= 10 ms", 10)),
        ("RSS added", "rss", "MiB", None),
    ):
        for other in _others:
            report.add(
                f"{what}, {case}",
                unit,
                result.median("backplane", figure),
                beside=other,
                other=result.median(other, figure),
                bar=bar if other == _others[0] else None,
            )
