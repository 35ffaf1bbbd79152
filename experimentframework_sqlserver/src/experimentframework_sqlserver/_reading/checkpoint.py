"""Where a reading stands, as text: the last row, and the rows before it that were not there yet."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from experimentframework_core.errors import ReplayError

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Numbers that no row had when those behind them were read.

    Attributes:
        first: The first of them.
        last: The last of them.
        since: When the row behind them was made, in seconds since 1970-01-01 UTC.
    """

    first: Id
    last: Id
    since: float

    def without(self, number: int) -> tuple[Gap, ...]:
        """Return what is left of it when one of its rows has come."""
        if not self.first <= number <= self.last:
            return (self,)
        parts = (Gap(self.first, number - 1, self.since), Gap(number + 1, self.last, self.since))
        return tuple(part for part in parts if part.first <= part.last)


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a reading stands.

    Attributes:
        after: The ``Id`` of the last row that was read.
        missing: The gaps before it whose rows may still come, in order.
    """

    after: Id
    missing: tuple[Gap, ...] = ()

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()


def position_of(checkpoint: str | None) -> Position:
    """Return the position that a text means; the beginning for None.

    Raises:
        ReplayError: It is no checkpoint of SQL Server.
    """
    if checkpoint is None:
        return Position(0)
    try:
        return msgspec.json.decode(checkpoint, type=Position)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: those of SQL Server say the Id of"
            ' a row, as in {"after":17}'
        ) from error
