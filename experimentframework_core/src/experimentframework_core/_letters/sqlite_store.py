"""Dead letters in one SQLite file, which several processes may share."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from experimentframework_core._letters import letter_rows as rows
from experimentframework_core._letters.letter_schema import schema
from experimentframework_core._letters.letters import EVERY_LETTER
from experimentframework_core._sqlite.database import Database, share, transaction
from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.events import utc_now

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from experimentframework_core._letters.letters import DeadLetter, LetterFilter, StoredLetter

T = TypeVar("T")

_tries = 5
_pause = 0.05


class SqliteDeadLetterStore:
    """Keeps dead letters in one SQLite file, which several processes may share.

    The file is made by the first `write`: a run without dead letters leaves nothing behind.
    What reads and removes works in slices and holds no lock between them, so that whoever
    writes is never kept waiting for long. Removed letters leave room in the file, which does not
    become smaller.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        create: bool = True,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Store the path; nothing is opened.

        Args:
            path: The file; ``~`` is the user's home folder.
            create: Make the file where it is missing. False: use one that is there as it is.
            now: Tells the time.
        """
        self._database = Database(path, prepare=self._prepare, create=create)
        self._create = create
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

    async def select(
        self, chosen: LetterFilter = EVERY_LETTER
    ) -> AsyncGenerator[StoredLetter, None]:
        """Yield the chosen letters that are there now; see `ReadableLetters.select`."""
        if self._is_missing:
            return
        where, position = rows.condition(chosen), chosen.after
        last = await self._patiently(rows.last_position, doing=_READ)
        while part := await self._patiently(
            partial(rows.read_slice, where, position, last), doing=_READ
        ):
            for letter in part.letters:
                yield letter
            position = part.end

    async def count(self, chosen: LetterFilter = EVERY_LETTER) -> int:
        """Return how many letters are chosen; 0 where there is no file."""
        if self._is_missing:
            return 0
        work = partial(rows.count, rows.condition(chosen))
        return await self._patiently(work, doing="count the dead letters in")

    async def origins(self, chosen: LetterFilter = EVERY_LETTER) -> dict[str, int]:
        """Return how many letters are chosen of each origin; none where there is no file."""
        if self._is_missing:
            return {}
        return await self._patiently(partial(rows.origins, rows.condition(chosen)), doing=_READ)

    async def end(self) -> int:
        """Return the highest position that a letter ever had; 0 where there is no file."""
        return 0 if self._is_missing else await self._patiently(rows.end, doing=_READ)

    async def purge(self, chosen: LetterFilter = EVERY_LETTER) -> int:
        """Remove the chosen letters that are there now; see `ReadableLetters.purge`."""
        if self._is_missing:
            return 0
        where, position, removed = rows.condition(chosen), 0, 0
        last = await self._patiently(rows.last_position, doing=_READ)
        while part := await self._patiently(
            partial(rows.purge_slice, where, position, last), doing=_REMOVE
        ):
            position, found = part
            removed += found
        return removed

    async def remove(self, positions: Sequence[int]) -> int:
        """Remove the letters at these positions, in one transaction."""
        if not positions:
            return 0
        return await self._patiently(partial(rows.remove, positions), doing=_REMOVE)

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

    @property
    def _is_missing(self) -> bool:
        return self._create and not self._database.path.exists()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if not self._create:
            schema.check(connection, self._database.path)
        share(connection)
        schema.create(connection, self._database.path)

    def _store(self, letters: Sequence[DeadLetter], connection: sqlite3.Connection) -> None:
        now = self._now()
        with transaction(connection):
            connection.executemany(rows.upsert, [rows.row(letter, now) for letter in letters])

    async def _patiently(self, work: Callable[[sqlite3.Connection], T], *, doing: str) -> T:
        """Do it although others may hold the file: wait longer than one `write` does."""
        for _ in range(_tries - 1):
            try:
                return await self._database.run(work, doing=doing)
            except UnavailableError:
                raise
            except TransientError:
                await asyncio.sleep(_pause)
        return await self._database.run(work, doing=doing)


_READ = "read dead letters from"
_REMOVE = "remove dead letters from"
