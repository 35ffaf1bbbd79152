"""Where events go that no destination takes: kept with the reason, to be looked at and requeued."""

from __future__ import annotations

import os
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import msgspec

from experimentframework_core._sqlite import Database, microseconds, share, transaction
from experimentframework_core._sqlite_schema import Schema
from experimentframework_core.events import utc_now

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from types import TracebackType

state_variable = "EXPERIMENTFRAMEWORK_STATE"
"""The environment variable that names the folder for state, in place of the user's own."""

file_name = "deadletters.db"

_schema = Schema(
    kind="dead-letter store",
    application_id=0x4578446C,  # "ExDl"
    version=1,
    statements=(
        """
CREATE TABLE dead_letters (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id    TEXT NOT NULL,
    backplane   TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    experiment  TEXT,
    reason      TEXT NOT NULL,
    error       TEXT NOT NULL,
    error_class TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,  -- microseconds since 1970-01-01 UTC
    last_at     INTEGER NOT NULL,  -- the same
    stored_at   INTEGER NOT NULL,  -- the same
    traceback   TEXT,
    body        BLOB NOT NULL,     -- the event as it was to be delivered
    UNIQUE (event_id, backplane)
)
""",
        "CREATE INDEX dead_letters_by_time ON dead_letters (last_at)",
    ),
)
_upsert = """
INSERT INTO dead_letters (event_id, backplane, event_type, experiment, reason, error, error_class,
                          attempts, first_at, last_at, stored_at, traceback, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (event_id, backplane) DO UPDATE SET
    reason = excluded.reason, error = excluded.error, error_class = excluded.error_class,
    attempts = excluded.attempts,
    first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
    traceback = excluded.traceback, body = excluded.body
"""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was refused, or ran out of attempts, with its story.

    Attributes:
        event_id: The event's id.
        event_type: The registered name of its type.
        experiment: Its experiment, or None.
        body: The event's canonical JSON, untouched.
        backplane: The name of the backplane that did not take it.
        reason: Why it was given up, as the channel names it.
        error: The backplane's last error, in its own words.
        error_class: The name of the error's class.
        attempts: How often it was offered.
        first_at: When it was offered first, in UTC.
        last_at: When it was offered last, in UTC.
        traceback: Where the backplane raised, if that was a bug of it.
    """

    event_id: str
    event_type: str
    experiment: str | None = None
    body: bytes
    backplane: str
    reason: str
    error: str
    error_class: str
    attempts: int
    first_at: datetime
    last_at: datetime
    traceback: str | None = None


class DeadLetterStore(Protocol):
    """Keeps dead letters until somebody looks at them."""

    @property
    def location(self) -> str:
        """Where they are, for a person: a path, or a destination's name."""

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Return once all are durable. One event of one backplane is kept once: the last counts.

        Raises:
            TransientError: Not confirmed, possibly written; write them again.
            UnavailableError: The store is misconfigured or refuses us.
        """

    async def count(self) -> int:
        """Return how many are kept."""

    async def aclose(self) -> None:
        """Close the store; nothing that was confirmed is lost."""


class SqliteDeadLetterStore:
    """Keeps dead letters in one SQLite file, which several processes may share.

    The file is made by the first `write`: a run without dead letters leaves nothing behind.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Store the path; nothing is opened."""
        self._database = Database(path, prepare=self._prepare)
        self._now = now

    @property
    def location(self) -> str:
        """The file's absolute path."""
        return str(self._database.path)

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Commit ``letters`` in one transaction; see `DeadLetterStore.write`."""
        if letters:
            await self._database.run(
                partial(self._store, letters), doing=f"write {len(letters)} dead letters to"
            )

    async def count(self) -> int:
        """Return how many the file keeps; 0 where there is no file."""
        if not self._database.path.exists():
            return 0
        return await self._database.run(_count, doing="count the dead letters in")

    async def aclose(self) -> None:
        """Close the file."""
        await self._database.aclose()

    async def __aenter__(self) -> Self:
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
        _schema.create(connection, self._database.path)

    def _store(self, letters: Sequence[DeadLetter], connection: sqlite3.Connection) -> None:
        now = self._now()
        with transaction(connection):
            connection.executemany(_upsert, [_row(letter, now) for letter in letters])


def default_path(buffer_path: Path | str | None = None) -> Path:
    """Return where dead letters are kept if nothing is said about it.

    Args:
        buffer_path: The folder of the disk buffer, which then keeps them too. Without one it is
            the folder named by ``EXPERIMENTFRAMEWORK_STATE``, or the user's folder for state.
    """
    folder = buffer_path or os.environ.get(state_variable)
    if folder:
        return Path(folder).expanduser() / file_name
    from platformdirs import user_state_path

    return user_state_path("experimentframework", appauthor=False) / file_name


def _row(letter: DeadLetter, now: datetime) -> tuple[str | int | bytes | None, ...]:
    return (
        letter.event_id,
        letter.backplane,
        letter.event_type,
        letter.experiment,
        letter.reason,
        letter.error,
        letter.error_class,
        letter.attempts,
        microseconds(letter.first_at),
        microseconds(letter.last_at),
        microseconds(now),
        letter.traceback,
        letter.body,
    )


def _count(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
    return int(number)
