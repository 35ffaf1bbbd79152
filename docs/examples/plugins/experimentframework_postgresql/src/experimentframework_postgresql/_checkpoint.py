"""Where a reading stands, as text.

A row becomes visible when its transaction commits, and transactions commit in any order. So a
position is no number but what PostgreSQL calls a snapshot: which transactions were over. A reading
gives the rows that one snapshot sees, then those that a later one sees and that one did not.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from experimentframework_core.errors import ReplayError

NOTHING = "1:1:"
"""The snapshot that sees no row of any transaction."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Snapshot = Annotated[str, msgspec.Meta(pattern=r"^\d{1,19}:\d{1,19}:(\d{1,19}(,\d{1,19})*)?\Z")]


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a reading stands.

    Attributes:
        table: Which table on which server is read.
        seen: The snapshot whose rows were all given.
        seeing: The later one whose rows are being given; None where none is.
        transaction: The transaction of the row that was given last of these.
        row: The row's ``position``.
    """

    table: str
    seen: _Snapshot = NOTHING
    seeing: _Snapshot | None = None
    transaction: _Number = 0
    row: _Number = 0

    def __post_init__(self) -> None:
        for snapshot in filter(None, (self.seen, self.seeing)):
            oldest, end, going_on = snapshot.split(":")
            numbers = [int(each) for each in (oldest, *going_on.split(","), end) if each]
            if numbers != sorted(numbers):
                raise ValueError(f"the numbers of the snapshot {snapshot} are not in order")

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()

    def looks_at(self, snapshot: str) -> Position:
        """Return the position before the rows that a snapshot sees beyond those given."""
        oldest = int(self.seen.partition(":")[0])
        return Position(self.table, self.seen, snapshot, oldest)

    def gave(self, transaction: int, row: int) -> Position:
        """Return the position behind a row."""
        return Position(self.table, self.seen, self.seeing, transaction, row)

    def done(self) -> Position:
        """Return the position behind all rows of the snapshot."""
        return Position(self.table, self.seeing or self.seen)


def position_of(checkpoint: str | None) -> Position | None:
    """Return the position that a text means; None at the beginning.

    Raises:
        ReplayError: It is no checkpoint of PostgreSQL.
    """
    if checkpoint is None:
        return None
    try:
        return msgspec.json.decode(checkpoint, type=Position)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: those of PostgreSQL name a table"
            ' and a snapshot, as in {"table":"7313/16385","seen":"742:742:"}'
        ) from error
