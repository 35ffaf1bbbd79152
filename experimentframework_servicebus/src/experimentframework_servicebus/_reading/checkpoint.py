"""Where a reading stands, as text: the last number that was read of each queue or subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from experimentframework_core.errors import ReplayError
from experimentframework_servicebus._reading.pages import (
    BITS_IN_PARTITION,
    PARTITIONS,
    partition_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._reading.pages import Read

_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=PARTITIONS << BITS_IN_PARTITION)]
_VERSION = 1


class _Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    after: dict[str, list[_Number]]


def written(positions: Mapping[str, Read]) -> str | None:
    """Return the text of some positions; None where nothing has been read."""
    after = {path: sorted(read.values()) for path, read in sorted(positions.items()) if read}
    return msgspec.json.encode(_Checkpoint(_VERSION, after)).decode() if after else None


def positions_of(checkpoint: str | None, places: Iterable[Place]) -> dict[str, Read]:
    """Return the positions that a text means, of each place.

    Raises:
        ReplayError: It is no checkpoint of Service Bus, or of another place.
    """
    paths = [str(place) for place in places]
    positions: dict[str, Read] = {path: {} for path in paths}
    if checkpoint is None:
        return positions
    found = _decoded(checkpoint)
    for path, numbers in found.after.items():
        if path not in positions:
            raise ReplayError(
                f"cannot read on from the checkpoint: '{path}' is not where this backplane's "
                f"events are: {', '.join(paths)}"
            )
        positions[path] = {partition_of(number): number for number in numbers}
    return positions


def _decoded(checkpoint: str) -> _Checkpoint:
    try:
        found = msgspec.json.decode(checkpoint, type=_Checkpoint)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: those of Service Bus say the last "
            "number of each queue or subscription, as in "
            f'{{"version":{_VERSION},"after":{{"events":[17]}}}}'
        ) from error
    if found.version != _VERSION:
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: it is of version {found.version}; "
            f"this installation reads version {_VERSION}"
        )
    return found
