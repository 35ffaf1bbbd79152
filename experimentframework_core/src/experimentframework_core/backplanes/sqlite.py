"""The embedded store: every event a row of one SQLite file, durable and readable."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Self

import msgspec

from experimentframework_core._paths import why_no_path
from experimentframework_core._sqlite.database import Database, microseconds, share, transaction
from experimentframework_core.backplanes._sqlite_mark import mark_file
from experimentframework_core.backplanes._sqlite_reader import SqliteReader, SqliteRecordReader
from experimentframework_core.backplanes._sqlite_removed import note_removed
from experimentframework_core.backplanes._sqlite_retention import Retention
from experimentframework_core.backplanes._sqlite_schema import schema
from experimentframework_core.events import utc_now
from experimentframework_core.plugin import (
    BackplanePlugin,
    ChannelSettings,
    Features,
    OpenContext,
    Selection,
)
from experimentframework_core.units import Days

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Finding

_insert = """
INSERT INTO events (event_id, type, schema_version, experiment, variant, subject, tenant,
                    correlation_id, occurred_at, stored_at, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING
"""
_expired = "SELECT position FROM events WHERE occurred_at < ? ORDER BY occurred_at LIMIT ?"
_last_expired = f"SELECT max(position) FROM ({_expired})"  # noqa: S608 - constants
_delete_expired = f"DELETE FROM events WHERE position IN ({_expired})"  # noqa: S608 - the same


class SqliteOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the type ``sqlite``.

    Attributes:
        path: The file; it and its parent folders are made where they are missing. ``~`` is the
            user's home folder; a relative path begins at the process's working folder.
        retention_days: Events that happened longer ago are removed; None keeps them for ever.
    """

    path: Annotated[str, msgspec.Meta(min_length=1)]
    retention_days: Days | None = None


class SqliteBackplane:
    """Stores events in one file. Each delivery is one transaction, synced to the disk."""

    def __init__(
        self,
        path: Path | str,
        *,
        retention_days: int | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Store the options; ``async with`` opens the file and begins to remove what is too old."""
        self._database = Database(path, prepare=self._prepare)
        self._retention = Retention(retention_days)
        self._now = now

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Commit ``batch``; an event that is stored already is not stored again."""
        await self._database.run(partial(self._store, batch), doing=f"store {len(batch)} events in")

    async def ping(self) -> None:
        """Return if the file can be written."""
        await self._database.run(_write_nothing, doing="write to")

    async def aclose(self) -> None:
        """Close the file."""
        await self._database.aclose()

    async def __aenter__(self) -> Self:
        try:
            await self._database.run(partial(self._store, ()), doing="open")
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        share(connection)
        schema.create(connection, self._database.path)
        mark_file(connection)

    def _store(self, batch: Sequence[Record], connection: sqlite3.Connection) -> None:
        now = microseconds(self._now())
        expired = self._retention.expired_before(now)
        with transaction(connection):
            connection.executemany(_insert, [_row(record, now) for record in batch])
            if expired is not None:
                limit = self._retention.slice_size(len(batch))
                self._retention.removed(_remove(expired, limit, connection), limit, now)


def _row(record: Record, now: int) -> tuple[str | int | None, ...]:
    body = record.body.decode()
    # The record's own properties would search the same bytes twice: a tenth of all the work here.
    _, _, _, event_id, _, _, _, timestamp, _ = body.split('"', 8)
    return (
        event_id,
        record.event_type,
        record.schema_version,
        record.experiment,
        record.variant,
        record.subject,
        record.tenant,
        record.correlation_id,
        microseconds(datetime.fromisoformat(timestamp)),
        now,
        body,
    )


def _remove(before: int, limit: int, connection: sqlite3.Connection) -> int:
    """Remove the oldest events that happened before a time, and return how many those were."""
    slice_ = (before, limit)
    (last,) = connection.execute(_last_expired, slice_).fetchone()
    if last is None:
        return 0
    note_removed(last, before, connection)
    return connection.execute(_delete_expired, slice_).rowcount


def _write_nothing(connection: sqlite3.Connection) -> None:
    """Write the version that is there already: a lock alone is had on read-only disks too."""
    with transaction(connection):
        connection.execute(f"PRAGMA user_version={schema.version}")


@asynccontextmanager
async def open_sqlite(
    options: SqliteOptions, _context: OpenContext
) -> AsyncIterator[SqliteBackplane]:
    """Open the event database, making it where it is missing.

    Raises:
        TransientError: The file is locked, the disk full or failing.
        UnavailableError: The file cannot be opened, or is no event database of this version.
    """
    async with SqliteBackplane(options.path, retention_days=options.retention_days) as backplane:
        yield backplane


def check_store(connection: sqlite3.Connection, path: Path) -> None:
    """Raise UnavailableError unless the open database is an event database of this version."""
    schema.check(connection, path)


def read_sqlite(options: SqliteOptions, selection: Selection) -> SqliteReader:
    """Read events back in the order in which they were stored, also while others write.

    The iterator's ``checkpoint`` says where it stands, for a later ``Selection.checkpoint``.

    Raises:
        UnavailableError: There is no event database at the path (at the first event).
        ReplayError: The checkpoint, or a row, is not understood.
    """
    return SqliteReader(options.path, selection)


def read_records(options: SqliteOptions, selection: Selection) -> SqliteRecordReader:
    """Read events back as `read_sqlite` does, with the bytes that were stored."""
    return SqliteRecordReader(options.path, selection)


def check_sqlite(options: SqliteOptions) -> Iterable[Finding]:
    """Yield what is wrong with the path: names that SQLite would not take for a file."""
    if options.path == ":memory:":
        message = "':memory:' keeps nothing; use the type inMemory, or name a file"
        yield "path", message, "error", ()
    elif options.path.startswith("file:"):
        yield "path", "give a plain path, not a URI", "error", ()
    elif why := why_no_path(options.path):
        yield "path", why, "error", ()


plugin = BackplanePlugin(
    type="sqlite",
    options=SqliteOptions,
    open=open_sqlite,
    read=read_sqlite,
    read_records=read_records,
    check=check_sqlite,
    features=Features(ordered=True, deduplicates=True, durable=True, readable=True),
)
