"""Rows as a client reads them. [MS-TDS] 2.2.7.4 and 2.2.7.20."""

from __future__ import annotations

import struct
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from tests.peers.tds.tokens import End, Status, done
from tests.peers.tds.wire import COLLATION, NULL_SHORT, b_varchar, in_parts, utf16

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Cell: TypeAlias = bool | int | float | str | bytes | uuid.UUID | datetime | None

_longest_short: Final = 4000
"""Characters of the longest text that is no NVARCHAR(MAX)."""

_nullable: Final = 0x0001
_first_day: Final = datetime(1, 1, 1, tzinfo=UTC)


class Outcome(NamedTuple):
    """What a statement came to.

    Attributes:
        affected: How many rows it touched or found; None: it does not say.
        columns: The names of the columns; None: it has no rows.
        rows: The rows.
    """

    affected: int | None = None
    columns: Sequence[str] | None = None
    rows: Sequence[Sequence[Cell]] = ()


class _Type(NamedTuple):
    info: bytes
    write: Callable[[Cell], bytes]


def result_of(outcome: Outcome, end: End, status: Status) -> bytes:
    """Return the tokens of a statement's result."""
    if outcome.affected is not None:
        status |= Status.COUNT
    closing = done(end, status, outcome.affected or 0)
    if outcome.columns is None:
        return closing
    types = [_type_of([row[at] for row in outcome.rows]) for at in range(len(outcome.columns))]
    return _columns(outcome.columns, types) + _rows(outcome.rows, types) + closing


def _columns(names: Sequence[str], types: Sequence[_Type]) -> bytes:
    described = (
        struct.pack("<IH", 0, _nullable) + each.info + b_varchar(name)
        for name, each in zip(names, types, strict=True)
    )
    return b"\x81" + struct.pack("<H", len(names)) + b"".join(described)


def _rows(rows: Sequence[Sequence[Cell]], types: Sequence[_Type]) -> bytes:
    writers = [each.write for each in types]
    return b"".join(
        b"\xd1" + b"".join(write(cell) for write, cell in zip(writers, row, strict=True))
        for row in rows
    )


def _type_of(cells: Sequence[Cell]) -> _Type:
    """Return the narrowest type that takes every cell of a column."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {str}:
        longest = max(len(utf16(cell)) for cell in cells if isinstance(cell, str))
        return _text if longest <= 2 * _longest_short else _long_text
    if len(kinds) > 1:
        raise TypeError(f"one column holds {', '.join(sorted(each.__name__ for each in kinds))}")
    return _types[kinds.pop()] if kinds else _text


def _write_bit(cell: Cell) -> bytes:
    return b"\0" if cell is None else struct.pack("<BB", 1, bool(cell))


def _write_integer(cell: Cell) -> bytes:
    return struct.pack("<Bq", 8, cell) if isinstance(cell, int) else b"\0"


def _write_float(cell: Cell) -> bytes:
    return struct.pack("<Bd", 8, cell) if isinstance(cell, float) else b"\0"


def _write_guid(cell: Cell) -> bytes:
    return b"\x10" + cell.bytes_le if isinstance(cell, uuid.UUID) else b"\0"


def _write_moment(cell: Cell) -> bytes:
    if not isinstance(cell, datetime):
        return b"\0"
    since = cell.astimezone(UTC) - _first_day
    ticks = (since.seconds * 1_000_000 + since.microseconds) * 10
    offset = cell.utcoffset()
    minutes = 0 if offset is None else int(offset.total_seconds()) // 60
    content = ticks.to_bytes(5, "little") + since.days.to_bytes(3, "little")
    return bytes([10]) + content + struct.pack("<h", minutes)


def _write_text(cell: Cell) -> bytes:
    if not isinstance(cell, str):
        return struct.pack("<H", NULL_SHORT)
    content = utf16(cell)
    return struct.pack("<H", len(content)) + content


def _write_long_text(cell: Cell) -> bytes:
    return in_parts(utf16(cell) if isinstance(cell, str) else None)


def _write_binary(cell: Cell) -> bytes:
    return in_parts(cell if isinstance(cell, bytes) else None)


_text: Final = _Type(b"\xe7" + struct.pack("<H", 2 * _longest_short) + COLLATION, _write_text)
_long_text: Final = _Type(b"\xe7\xff\xff" + COLLATION, _write_long_text)
_types: Final = {
    bool: _Type(b"\x68\x01", _write_bit),
    int: _Type(b"\x26\x08", _write_integer),
    float: _Type(b"\x6d\x08", _write_float),
    bytes: _Type(b"\xa5\xff\xff", _write_binary),
    uuid.UUID: _Type(b"\x24\x10", _write_guid),
    datetime: _Type(b"\x2b\x07", _write_moment),
}
