"""What can still be read of a damaged journal: its marks by SQLite, its rows page by page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from experimentframework_core._disk import journal_file as file
from experimentframework_core._disk import leaf_pages, wal
from experimentframework_core._disk.journal_data import Blocks, DamagedError, Row, State
from experimentframework_core._disk.settled import block_size

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

T = TypeVar("T")

Raw = tuple[Any, ...]
"""A quarantined row: sequence, accepted_at, slot, crc, body; of any type."""

_pages_at_once = 256
_damage_codes = {1, 11, 26}
_quarantined = "SELECT sequence, accepted_at, slot, crc, body FROM quarantine"
_first_row = "SELECT min(sequence) FROM events"


class Marks(NamedTuple):
    """What a damaged journal says of itself, or what its rows say where that is damaged too."""

    state: State
    blocks: Blocks
    quarantined: list[Raw]


def read_marks(connection: sqlite3.Connection) -> Marks:
    """Read the marks as far as they are whole."""
    connection.text_factory = bytes
    none: Blocks = {}
    blocks = _ask(connection, file.read_whole_blocks, none)
    state = _ask(connection, file.read_state, None) or _guess(connection, blocks)
    return Marks(state, blocks, _ask(connection, _all_quarantined, []))


def _ask(
    connection: sqlite3.Connection, question: Callable[[sqlite3.Connection], T], otherwise: T
) -> T:
    try:
        return question(connection)
    except damage() as error:
        raise_unless_damage(error)
        return otherwise


def _guess(connection: sqlite3.Connection, blocks: Blocks) -> State:
    """Return the state that rows and blocks tell: nothing is due before the first row."""
    first = _ask(connection, _number_of_first_row, 1)
    highest = [
        number * block_size + int.from_bytes(bits, "little").bit_length() - 1
        for number, bits in blocks.items()
    ]
    return State(max(highest, default=0), max(first, 1), 0)


def read_rows(path: Path, log: bytes = b"") -> Iterator[tuple[list[Row], list[Raw]]]:
    """Yield the rows in a file, whatever leads to them: those as written, and the others.

    What was deleted may be among them, as long as nothing was written over it.

    Args:
        path: The file.
        log: A write-ahead log whose pages are read as well.
    """
    logged = list(wal.pages(log, file.page_size))
    newest = dict(logged)
    descriptor = os.open(path, os.O_RDONLY)
    try:

        def fetch(number: int) -> bytes:
            place = max(number - 1, 0) * file.page_size
            return os.pread(descriptor, file.page_size, place) if number else b""

        def fetch_logged(number: int) -> bytes:
            return newest.get(number) or fetch(number)

        pages = -(-os.fstat(descriptor).st_size // file.page_size)
        for first in range(1, pages + 1, _pages_at_once):
            numbers = range(first, min(first + _pages_at_once, pages + 1))
            yield _sorted_out(map(fetch, numbers), fetch)
        yield _sorted_out((page for _, page in logged), fetch_logged)
    finally:
        os.close(descriptor)


def _sorted_out(
    pages: Iterable[bytes], fetch: Callable[[int], bytes]
) -> tuple[list[Row], list[Raw]]:
    good: list[Row] = []
    bad: list[Raw] = []
    for page in pages:
        for row, crc in leaf_pages.rows_in(page, fetch):
            if file.checksum(*row) == crc:
                good.append(row)
            else:
                bad.append((*row[:3], crc, row.body))
    return good, bad


def damage() -> tuple[type[Exception], ...]:
    """Return the errors among which those are that mean damage."""
    import sqlite3

    return sqlite3.DatabaseError, DamagedError, UnicodeDecodeError


def raise_unless_damage(error: Exception) -> None:
    """Let pass what may be over the next time: a lock, a disk that fails."""
    code = getattr(error, "sqlite_errorcode", 1) & 0xFF
    if not isinstance(error, DamagedError) and code not in _damage_codes:
        raise error


def _number_of_first_row(connection: sqlite3.Connection) -> int:
    return int(connection.execute(_first_row).fetchone()[0] or 1)


def _all_quarantined(connection: sqlite3.Connection) -> list[Raw]:
    return connection.execute(_quarantined).fetchall()
