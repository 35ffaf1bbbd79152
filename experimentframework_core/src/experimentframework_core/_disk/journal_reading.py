"""Reading a journal's rows: checked, bounded, in few statements, see `journal_file`."""

# ruff: noqa: S608 - the parts are constants of this module
from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._disk.journal_data import DamagedError, Page, Row
from experimentframework_core._disk.journal_file import checksum

if TYPE_CHECKING:
    import sqlite3

    from experimentframework_core._disk.journal_data import Want
    from experimentframework_core._disk.settled import Settled

span = 32_768
"""How many sequence numbers are searched at most for the rows of one lane among others."""

_of_lane = (
    "FROM events WHERE sequence BETWEEN ?1 AND ?2"
    " AND (?3 = 1 OR (coalesce(slot, 0) & 0xFFFFFFFF) % ?3 = ?4) ORDER BY sequence LIMIT ?5"
)
_read_index = (
    "SELECT json_group_array(json_array(sequence, CAST(accepted_at AS INTEGER),"
    " CAST(slot AS INTEGER), CAST(crc AS INTEGER), length(body)))"
    f" FROM (SELECT * {_of_lane})"
)
_read_bodies = (
    f"SELECT CAST(group_concat(CAST(body AS TEXT), '') AS BLOB) FROM (SELECT body {_of_lane})"
)
_list_rows = "SELECT json_group_array(sequence) FROM events WHERE sequence BETWEEN ? AND ?"
_next_row = "SELECT min(sequence) FROM events WHERE sequence > ?"
_Index = list[tuple[int, int, int, int, int]]
_index_decoder = msgspec.json.Decoder(_Index)


def read(connection: sqlite3.Connection, want: Want, last: int) -> Page:
    """Return the next rows of a lane in a journal that ends at ``last``.

    Raises:
        DamagedError: A row is not what was written.
    """
    if want.after >= last:
        return Page((), want.after)
    end = last
    if want.lanes > 1:
        (found,) = connection.execute(_next_row, (want.after,)).fetchone()
        end = min((found or last) + span, last)
    of_lane = (want.after + 1, end, want.lanes, want.lane)
    (text,) = connection.execute(_read_index, (*of_lane, want.most)).fetchone()
    index = _decode(text)
    count = _fitting(index, want.most_bytes)
    if not count:
        return Page((), end)
    (bodies,) = connection.execute(_read_bodies, (*of_lane, count)).fetchone()
    through = end if count == len(index) < want.most else index[count - 1][0]
    return Page(_checked(index[:count], bodies, want.after), through)


def check_gaps(connection: sqlite3.Connection, want: Want, page: Page, settled: Settled) -> None:
    """Raise DamagedError unless all rows up to the page's end are there that are not settled."""
    first, last = want.after + 1, page.through
    if want.lanes == 1:
        numbers = [row.sequence for row in page.rows]
    else:
        # The same bounds as in reading: damage on the way to a row may lead elsewhere else.
        (text,) = connection.execute(_list_rows, (first, last)).fetchone()
        numbers = msgspec.json.decode(text)
    if len(numbers) > last - want.after:
        raise DamagedError(f"there are rows twice between {first} and {last}")
    if len(numbers) == last - want.after:
        return
    due = settled.unsettled(last) - settled.unsettled(want.after)
    if sum(number not in settled for number in numbers) < due:
        raise DamagedError(f"rows are missing between {first} and {last}")


def _decode(text: str) -> _Index:
    try:
        return _index_decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise DamagedError("a row does not have a row's types") from error


def _fitting(index: _Index, most_bytes: int) -> int:
    """Return how many rows fit, at least one if there is one."""
    lengths = accumulate(entry[4] for entry in index)
    return max(sum(length <= most_bytes for length in lengths), min(len(index), 1))


def _checked(index: _Index, bodies: bytes, after: int) -> list[Row]:
    rows = []
    start = 0
    for sequence, accepted_at, slot, crc, length in index:
        body = bodies[start : start + length]
        start += length
        if sequence <= after or checksum(sequence, accepted_at, slot, body) != crc:
            raise DamagedError(f"row {sequence} is not what was written")
        rows.append(Row(sequence, accepted_at, slot, body))
        after = sequence
    return rows
