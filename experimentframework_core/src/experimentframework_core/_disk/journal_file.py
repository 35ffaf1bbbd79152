"""The tables of a journal: rows, marks and state, each with a checksum, in few statements.

Every statement makes the thread wait several times for a busy interpreter, up to 5 ms each, and
`executemany` does for each row. So rows go in and out as one blob of joined bodies with an index
in JSON beside it, and a commit is a single statement: an insert into a view, whose trigger says
what to do with it.
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
from experimentframework_core._failpoints import armed, reach
from experimentframework_core._sqlite.schema import Schema

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
    " substr({bodies}, json_extract(value, '$[4]'), json_extract(value, '$[5]'))"
    " FROM json_each({index})"
)
_insert_blocks = (
    "INSERT OR REPLACE INTO blocks SELECT json_extract(value, '$[0]'),"
    f" json_extract(value, '$[1]'), substr({{bits}}, key * {_bits_length} + 1, {_bits_length})"
    " FROM json_each({index})"
)
_delete_blocks = "DELETE FROM blocks WHERE number IN (SELECT value FROM json_each(NEW.emptied))"
_delete_rows = (
    "DELETE FROM events WHERE sequence IN (SELECT sequence FROM json_each(NEW.trim) CROSS JOIN"
    " events ON sequence BETWEEN json_extract(value, '$[0]') AND json_extract(value, '$[1]'))"
)
_insert_state = "INSERT OR REPLACE INTO state VALUES (1, {})"
_state_columns = ("last", "below", "bytes", "crc")
_columns = ("bodies", "rows", "bits", "blocks", "emptied", *_state_columns, "trim")
_steps = (
    _insert_rows.format(bodies="NEW.bodies", index="NEW.rows"),
    _insert_blocks.format(bits="NEW.bits", index="NEW.blocks"),
    _delete_blocks,
    _insert_state.format(", ".join(f"NEW.{name}" for name in _state_columns)),
    "SELECT reach('journal.after_write')",
    _delete_rows,
    "SELECT reach('journal.in_trim') FROM json_each(NEW.trim)",
    "SELECT reach('journal.before_sync')",
)
"""What a commit does, in order; the fail points are left out where no test has set them."""

_make_view = "CREATE TEMP VIEW commits AS SELECT " + ", ".join(f"0 AS {name}" for name in _columns)
_commit = f"INSERT INTO commits VALUES ({', '.join('?' * len(_columns))})"
_any_row = "SELECT 1 FROM events LIMIT 1"
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
    _make_commits(connection)


def _make_commits(connection: sqlite3.Connection) -> None:
    steps = [step for step in _steps if armed() or "reach(" not in step]
    if armed():
        connection.create_function("reach", 1, reach)
    connection.execute(_make_view)
    body = "; ".join(steps)
    connection.execute(
        f"CREATE TEMP TRIGGER do_commit INSTEAD OF INSERT ON commits BEGIN {body}; END"
    )


def checksum(sequence: int, accepted_at: int, slot: int, body: bytes) -> int:
    """Return a row's CRC-32."""
    return crc32(body, crc32(_header(sequence, accepted_at, slot)))


def write(connection: sqlite3.Connection, commit: Commit) -> None:
    """Write a commit, all of it or nothing. Writing it again changes nothing."""
    bodies, rows = _packed_rows(commit.rows)
    bits, blocks, emptied = _packed_blocks(commit.blocks)
    state = _state_values(State(commit.last, commit.below, commit.bytes))
    trim = _json(commit.trim)
    connection.execute(_commit, (bodies, rows, bits, blocks, emptied, *state, trim))
    reach("journal.after_commit")


def insert_rows(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Insert rows, or put them in place of those with the same numbers."""
    connection.execute(_insert_rows.format(bodies="?1", index="?2"), _packed_rows(rows))


def write_marks(connection: sqlite3.Connection, state: State, blocks: Blocks) -> None:
    """Write the state and the blocks, of which there are no others yet."""
    bits, index, _ = _packed_blocks(blocks)
    connection.execute(_insert_blocks.format(bits="?1", index="?2"), (bits, index))
    connection.execute(_insert_state.format("?, ?, ?, ?"), _state_values(state))


def _packed_rows(rows: Sequence[Row]) -> tuple[bytes, str]:
    bodies = [row.body for row in rows]
    places = accumulate(map(len, bodies), initial=1)
    index = [
        (sequence, accepted_at, slot, checksum(sequence, accepted_at, slot, body), at, len(body))
        for (sequence, accepted_at, slot, body), at in zip(rows, places, strict=False)
    ]
    return b"".join(bodies), _json(index)


def _packed_blocks(blocks: Blocks) -> tuple[bytes, str, str]:
    """Return the bits of the blocks that have some, what they are, and which have none left."""
    filled = {number: bits for number, bits in blocks.items() if bits}
    index = [(number, _block_checksum(number, bits)) for number, bits in filled.items()]
    return b"".join(filled.values()), _json(index), _json(list(blocks.keys() - filled.keys()))


def _state_values(state: State) -> tuple[int, int, int, int]:
    return *state, crc32(_header(*state))


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
