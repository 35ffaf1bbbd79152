"""Reads events back from an event database, while others may write it."""

from __future__ import annotations

import asyncio
import json
import re
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from experimentframework_core._sqlite.database import Database, microseconds, snapshot
from experimentframework_core.backplanes._sqlite_mark import mark_of
from experimentframework_core.backplanes._sqlite_removed import count_lost
from experimentframework_core.backplanes._sqlite_schema import schema
from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import (
    InvalidEventError,
    ReplayError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.resuming import ResumingReader

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from experimentframework_core.plugin import Selection

poll_interval = 0.2
_range = 5000
_slice_rows = 2000
_slice_bytes = 1024 * 1024
_tries = 15
_pause = 0.05
_checkpoint = re.compile(r"([0-9]{1,18})(?:@([0-9a-f]{8}))?")

Event = TypeVar("Event")


class _Reader(ResumingReader[Event]):
    """The selected events in the order in which they were stored.

    Memory is bounded: a slice of rows is read at a time, and no lock is held between slices, so
    whoever writes the file is never kept waiting for long.

    Attributes:
        checkpoint: Where the reading stands: behind the event that was given last. A selection
            with it goes on there. None at the start.
        progress: How much of the table lies behind that, from 0 to 1; None at the start.
    """

    def __init__(self, path: Path | str, selection: Selection) -> None:
        """Store what to read; the file is opened with the first event.

        Raises:
            ReplayError: The selection's checkpoint is not one of this reader's.
        """
        self.checkpoint = selection.checkpoint
        self.progress: float | None = None
        self._query = _query(selection)
        self._since = None if selection.since is None else microseconds(selection.since)
        self._follow = selection.follow
        self._path = path
        self._database = self._new_database()
        self._position, self._mark = _place(selection.checkpoint)
        self._file: tuple[int, int] | None = None
        super().__init__()

    @abstractmethod
    def _form(self, body: bytes) -> Event:
        """Make of a stored event what is given."""

    def _begin_anew(self) -> None:
        self._database = self._new_database()

    def _new_database(self) -> Database:
        return Database(self._path, prepare=self._prepare, create=False)

    async def _read(self) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield events, and what is wrong between them: a generator that raises is at its end."""
        async with self._database:
            while True:
                part = await self._next_slice()
                if part.lost:
                    self.checkpoint = self._behind(part.end)
                    yield self._gap(part)
                for position, body in part.rows:
                    self.checkpoint = self._behind(position)
                    yield self._decoded(position, body)
                self._position = part.end
                self.checkpoint = self._behind(part.end)
                self.progress = part.progress
                if part.is_last:
                    if not self._follow:
                        return
                    self._stay_with_the_file()
                    await asyncio.sleep(poll_interval)

    def _behind(self, position: int) -> str:
        """Return the checkpoint behind a row of this file."""
        return str(position) if self._mark is None else f"{position}@{self._mark}"

    def _gap(self, part: _Slice) -> ReplayError:
        return ReplayError(
            f"cannot read the rows {self._position + 1:,} to {part.end:,} of {self._database.path}:"
            f" retentionDays removed them before, at most {part.lost:,} events; read on behind them"
            f" with the checkpoint {self._behind(part.end)!r}",
            lost=part.lost,
        )

    async def _next_slice(self) -> _Slice:
        # Who begins at the beginning begins with what is left.
        stands = self.checkpoint is not None
        work = partial(_read_slice, self._query, self._position, self._since, stands=stands)
        for _ in range(_tries - 1):
            try:
                return await self._database.run(work, doing="read events from")
            except UnavailableError:
                raise
            except TransientError:
                await asyncio.sleep(_pause)
        return await self._database.run(work, doing="read events from")

    def _decoded(self, position: int, body: bytes) -> Event | ReplayError:
        try:
            return self._form(body)
        except InvalidEventError as error:
            told = ReplayError(
                f"cannot read row {position} of {self._database.path}: {error}; remove the row,"
                f" or read on behind it with the checkpoint {self._behind(position)!r}",
                record=body,
            )
            told.__cause__ = error
            return told

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # Not opened with mode=ro: after a crash the first to open the file must roll back.
        connection.execute("PRAGMA query_only=ON")
        schema.check(connection, self._database.path)
        self._refuse_another_file(connection)
        # A body that is no UTF-8 is read too, to be told as what is no event.
        connection.text_factory = bytes
        self._file = _identity(self._database.path)

    def _refuse_another_file(self, connection: sqlite3.Connection) -> None:
        """Raise if the row behind which the reading is to go on was never in this file."""
        found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        end = found.fetchone() or (0,)
        mark = mark_of(connection)
        if self._position > end[0]:
            why = f"ends at row {end[0]}"
        elif self._position and self._mark not in (None, mark):
            why = "is another file than the one it is of"
        else:
            self._mark = mark
            return
        raise ReplayError(
            f"cannot read on from the checkpoint {self._behind(self._position)!r}:"
            f" {self._database.path} {why}; it was made anew: read it from its beginning"
        )

    def _stay_with_the_file(self) -> None:
        """Raise if the path leads to another file by now: nothing would ever come into ours."""
        if _identity(self._database.path) != self._file:
            raise UnavailableError(
                f"cannot read events from {self._database.path}: the file was removed or replaced"
                " while it was read"
            )


class SqliteReader(_Reader[Envelope]):
    """Gives the selected events as envelopes."""

    def _form(self, body: bytes) -> Envelope:
        return decode(body)


class SqliteRecordReader(_Reader[Record]):
    """Gives the selected events as records, with the bytes that are stored."""

    def _form(self, body: bytes) -> Record:
        return decode_record(body)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


class _Slice(NamedTuple):
    """Some rows, and the position up to which the table is read with them.

    Attributes:
        rows: Positions and bodies.
        end: The position up to which the table is read.
        is_last: Whether nothing is behind it now.
        lost: How many positions up to the end, at most, had events that are removed.
        progress: How much of the table lies behind the end, from 0 to 1, where that is known.
    """

    rows: list[tuple[int, bytes]]
    end: int
    is_last: bool
    lost: int = 0
    progress: float | None = None


class _Query(NamedTuple):
    sql: str
    parameters: tuple[str | int, ...]


def _query(selection: Selection) -> _Query:
    criteria: list[tuple[str, str | int]] = []
    for column, values in (
        ("type", selection.types),
        ("experiment", selection.experiments),
        ("subject", selection.subjects),
    ):
        if values:
            # A list as one parameter: no limit on its length.
            criteria.append((f"{column} IN (SELECT value FROM json_each(?))", json.dumps(values)))  # noqa: S608 - constants
    if selection.correlation_id is not None:
        criteria.append(("correlation_id = ?", selection.correlation_id))
    if selection.since is not None:
        criteria.append(("occurred_at >= ?", microseconds(selection.since)))
    if selection.until is not None:
        criteria.append(("occurred_at < ?", microseconds(selection.until)))
    conditions = "".join(f" AND +{condition}" for condition, _ in criteria)
    # As bytes: a text that is no UTF-8 is one bad row, and not the end of the reading.
    return _Query(
        "SELECT position, CAST(body AS BLOB) FROM events WHERE position BETWEEN ? AND ?"  # noqa: S608 - constants
        f"{conditions} ORDER BY position",
        tuple(parameter for _, parameter in criteria),
    )


def _read_slice(
    query: _Query,
    position: int,
    since: int | None,
    connection: sqlite3.Connection,
    *,
    stands: bool,
) -> _Slice:
    # What others remove meanwhile is gone for all of the statements, or for none.
    with snapshot(connection):
        first, last = _bounds(position, connection)
        if stands and (lost := count_lost(position, first, since, connection)):
            return _Slice([], position + lost, is_last=False, lost=lost)
        if first is None:
            return _Slice([], position, is_last=True, progress=1.0)
        return _selected(query, first, last, connection)


def _bounds(position: int, connection: sqlite3.Connection) -> tuple[int | None, int]:
    """Return the first row behind a position, and the last of all."""
    # Positions grow in the order of commits: up to the last one seen here nothing can come later.
    first, last = connection.execute(
        "SELECT min(position), (SELECT max(position) FROM events) FROM events WHERE position > ?",
        (position,),
    ).fetchone()
    return first, last


def _selected(query: _Query, first: int, last: int, connection: sqlite3.Connection) -> _Slice:
    end = min(first + _range - 1, last)
    rows: list[tuple[int, bytes]] = []
    size = 0
    cursor = connection.execute(query.sql, (first, end, *query.parameters))
    for row in cursor:
        rows.append(row)
        size += len(row[1])
        if len(rows) == _slice_rows or size >= _slice_bytes:
            cursor.close()
            end = row[0]
            break
    return _Slice(rows, end, is_last=False, progress=end / last)


def _place(checkpoint: str | None) -> tuple[int, str | None]:
    """Return a checkpoint's row, and the mark of its file where it says that."""
    if checkpoint is None:
        return 0, None
    found = _checkpoint.fullmatch(checkpoint)
    if found is None:
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: checkpoints of an event database"
            " are row numbers with the file's mark, as in '17@3f9c2b7a'"
        )
    return int(found[1]), found[2]
