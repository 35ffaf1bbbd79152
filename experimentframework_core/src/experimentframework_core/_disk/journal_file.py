"""The tables of a journal: rows, marks and state, each with a checksum, in few statements.

Every statement costs the thread one wait for a busy interpreter, and `executemany` one for each
row. So rows go in and out as one blob of joined bodies with an index in JSON beside it.
"""

# ruff: noqa: S608 - the parts are constants of this module
from __future__ import annotations

from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from experimentframework_core._disk.journal_data import DamagedError, Row, State
from experimentframework_core._disk.settled import block_size
from experimentframework_core._failpoints import reach
from experimentframework_core._sqlite import transaction
from experimentframework_core._sqlite_schema import Schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core._disk.journal_data import Blocks, Commit

_events = (
    "CREATE TABLE events (sequence INTEGER PRIMARY KEY, accepted_at INTEGER NOT NULL,"
    " slot INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL)"
)
_state = (
    "CREATE TABLE state (id INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    " below INTEGER NOT NULL, bytes INTEGER NOT NULL, crc INTEGER NOT NULL)"
)
_blocks = (
    "CREATE TABLE blocks (number INTEGER PRIMARY KEY, crc INTEGER NOT NULL, bits BLOB NOT NULL)"
)
_quarantine = (
    "CREATE TABLE quarantine (id INTEGER PRIMARY KEY, sequence, accepted_at, slot, crc, body)"
)

schema = Schema("journal", 0x45464A4C, 1, (_events, _state, _blocks, _quarantine))
"""Each table's first page follows from the order; ``quarantine`` takes rows as they are found."""

page_size = 4096
_checkpoint_pages = 300
"""Few, because a commit waits for the checkpoint after it: 300 pages sync in about 5 ms."""

_journal_size_limit = 8 * 1024 * 1024
_bits_length = block_size // 8

_insert_rows = (
    "INSERT OR REPLACE INTO events SELECT json_extract(value, '$[0]'),"
    " json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'),"
    " substr(?1, json_extract(value, '$[4]'), json_extract(value, '$[5]')) FROM json_each(?2)"
)
_insert_blocks = (
    "INSERT OR REPLACE INTO blocks SELECT json_extract(value, '$[0]'),"
    f" json_extract(value, '$[1]'), substr(?1, key * {_bits_length} + 1, {_bits_length})"
    " FROM json_each(?2)"
)
_delete_blocks = "DELETE FROM blocks WHERE number IN (SELECT value FROM json_each(?))"
_delete_rows = "DELETE FROM events WHERE sequence BETWEEN ? AND ?"
_any_row = "SELECT 1 FROM events LIMIT 1"
_insert_state = "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?)"
_read_state = (
    "SELECT coalesce(CAST(last AS INTEGER), -1), coalesce(CAST(below AS INTEGER), -1),"
    " coalesce(CAST(bytes AS INTEGER), -1), CAST(crc AS INTEGER) FROM state LIMIT 2"
)
_read_blocks = "SELECT number, CAST(crc AS INTEGER), coalesce(CAST(bits AS BLOB), x'') FROM blocks"


_header = Struct("<qqq").pack


def prepare(path: Path, connection: sqlite3.Connection) -> None:
    """Make a new connection durable and the only one, and see that the tables are there."""
    connection.execute(f"PRAGMA page_size={page_size}")
    # Exclusive before the first access: then the index of the log is in memory, not in a file.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_checkpoint_pages}")
    connection.execute(f"PRAGMA journal_size_limit={_journal_size_limit}")
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute("PRAGMA temp_store=MEMORY")
    schema.create(connection, path)


def checksum(sequence: int, accepted_at: int, slot: int, body: bytes) -> int:
    """Return a row's CRC-32."""
    return crc32(body, crc32(_header(sequence, accepted_at, slot)))


def write(connection: sqlite3.Connection, commit: Commit) -> None:
    """Write a commit in one transaction. Writing it again changes nothing."""
    with transaction(connection):
        if commit.rows:
            insert_rows(connection, commit.rows)
        write_marks(connection, State(commit.last, commit.below, commit.bytes), commit.blocks)
        reach("journal.after_write")
        for trimmed in commit.trim:
            connection.execute(_delete_rows, trimmed)
            reach("journal.in_trim")
        reach("journal.before_sync")
    reach("journal.after_commit")


def insert_rows(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Insert rows, or put them in place of those with the same numbers."""
    bodies = [row.body for row in rows]
    places = accumulate(map(len, bodies), initial=1)
    index = [
        (sequence, accepted_at, slot, checksum(sequence, accepted_at, slot, body), at, len(body))
        for (sequence, accepted_at, slot, body), at in zip(rows, places, strict=False)
    ]
    connection.execute(_insert_rows, (b"".join(bodies), _json(index)))


def write_marks(connection: sqlite3.Connection, state: State, blocks: Blocks) -> None:
    """Write the state and the changed blocks."""
    changed = {number: bits for number, bits in blocks.items() if bits}
    if changed:
        index = [(number, _block_checksum(number, bits)) for number, bits in changed.items()]
        connection.execute(_insert_blocks, (b"".join(changed.values()), _json(index)))
    if len(changed) < len(blocks):
        connection.execute(_delete_blocks, (_json(list(blocks.keys() - changed.keys())),))
    connection.execute(_insert_state, (*state, crc32(_header(*state))))


def read_marks(connection: sqlite3.Connection) -> tuple[State, Blocks]:
    """Return the state and the blocks.

    Raises:
        DamagedError: They are not what was written.
    """
    check_tables(connection)
    state = read_state(connection)
    blocks = read_whole_blocks(connection)
    (stored,) = connection.execute("SELECT count(*) FROM blocks").fetchone()
    (newest,) = connection.execute("SELECT max(sequence) FROM events").fetchone()
    if len(blocks) < stored or (newest or 0) > state.last:
        raise DamagedError("the marks are not what was written")
    return state, blocks


def check_tables(connection: sqlite3.Connection) -> None:
    """Raise DamagedError unless the tables are where and what they were made."""
    made = {(page, sql.encode()) for page, sql in enumerate(schema.statements, 2)}
    tables = "SELECT rootpage, CAST(sql AS BLOB) FROM sqlite_master"
    if set(connection.execute(tables)) != made:
        raise DamagedError("the tables are not those that were made")


def read_state(connection: sqlite3.Connection) -> State:
    """Return the state; that of an empty journal where there is none yet.

    Raises:
        DamagedError: It is not what was written.
    """
    found = connection.execute(_read_state).fetchall()
    if not found:
        if connection.execute(_any_row).fetchone() is not None:
            raise DamagedError("there are rows and no state")
        return State(0, 1, 0)
    *numbers, crc = found[0]
    if len(found) > 1 or crc32(_header(*numbers)) != crc:
        raise DamagedError("the state is not what was written")
    return State(*numbers)


def read_whole_blocks(connection: sqlite3.Connection) -> Blocks:
    """Return the blocks that are as they were written. In others nothing counts as settled."""
    return {
        number: bits
        for number, crc, bits in connection.execute(_read_blocks).fetchall()
        if len(bits) == _bits_length and _block_checksum(number, bits) == crc
    }


def _block_checksum(number: int, bits: bytes) -> int:
    return crc32(bits, crc32(_header(number, 0, 0)))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
