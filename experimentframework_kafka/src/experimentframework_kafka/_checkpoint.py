"""Where a reading stands, as text: the next offset of each partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from experimentframework_core.errors import ReplayError

if TYPE_CHECKING:
    from collections.abc import Mapping

_Natural = Annotated[int, msgspec.Meta(ge=0)]

Place = tuple[str, int]
"""A topic and one of its partitions."""


def written(positions: Mapping[Place, int]) -> str | None:
    """Return the text of some positions; None where nothing has been read."""
    topics: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in sorted(positions.items()):
        topics.setdefault(topic, {})[str(partition)] = offset
    return msgspec.json.encode(topics).decode() if topics else None


def positions_of(checkpoint: str | None) -> dict[Place, int]:
    """Return the positions that a text means.

    Raises:
        ReplayError: It is no checkpoint of Kafka.
    """
    if checkpoint is None:
        return {}
    try:
        topics = msgspec.json.decode(checkpoint, type=dict[str, dict[_Natural, _Natural]])
    except msgspec.DecodeError as error:
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: those of Kafka are offsets by "
            'topic and partition, none below 0, as in {"events":{"0":17}}'
        ) from error
    return {
        (topic, partition): offset
        for topic, offsets in topics.items()
        for partition, offset in offsets.items()
    }
