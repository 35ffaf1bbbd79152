"""Dead letters in a file of JSON lines that is only ever appended to."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from experimentframework_core._letters import letter_file as file
from experimentframework_core._letters.letter_index import LetterIndex
from experimentframework_core._letters.letters import EVERY_LETTER
from experimentframework_core._log import logger
from experimentframework_core._sqlite.database import close_timeout
from experimentframework_core._sqlite.errors import translate_os_error
from experimentframework_core.errors import UnavailableError
from experimentframework_core.events import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime
    from types import TracebackType

    from experimentframework_core._letters.letters import DeadLetter, LetterFilter, StoredLetter

T = TypeVar("T")

_at_once = 500
_read_at_once = 32


class FileDeadLetterStore:
    """Keeps dead letters in a file of JSON lines, which several processes may append to.

    A line that was cut by a crash is ended before the next one is written. An event may stand in
    the file more than once: the last line counts. What is removed gets a line that says so; the
    file only grows.
    """

    def __init__(self, path: Path | str, *, now: Callable[[], datetime] = utc_now) -> None:
        """Store the path; nothing is opened, and the file is made by the first `write`."""
        self._path = Path(path).expanduser().absolute()
        self._now = now
        self._index = LetterIndex(self._path)
        self._closed = False
        self._executor = ThreadPoolExecutor(1, f"experimentframework-file-{self._path.name}")

    @property
    def location(self) -> str:
        """The file's absolute path."""
        return str(self._path)

    @property
    def damaged(self) -> int:
        """How many lines could not be read so far, and were left out."""
        return self._index.damaged

    @property
    def damaged_until(self) -> int:
        """Where the last line ends that could not be read so far; 0 where there was none."""
        return self._index.damaged_until

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Append ``letters``, synced to the disk; see `DeadLetterStore.write`."""
        if letters:
            now = self._now()
            lines = b"".join(file.kept(letter, now) for letter in letters)
            doing = f"write {len(letters)} dead letters to"
            await self._run(partial(file.append, self._path, lines), doing)

    async def select(
        self, chosen: LetterFilter = EVERY_LETTER
    ) -> AsyncGenerator[StoredLetter, None]:
        """Yield the chosen letters that are there now; see `ReadableLetters.select`."""
        last = await self._run(self._index.refresh, _READ)
        position = chosen.after
        while part := await self._run(partial(self._index.slice, chosen, position, last), _READ):
            found = part.letters
            for start in range(0, len(found), _read_at_once):
                some = found[start : start + _read_at_once]
                for letter in await self._run(partial(self._index.complete, some), _READ):
                    yield letter
            position = part.end

    async def count(self, chosen: LetterFilter = EVERY_LETTER) -> int:
        """Return how many letters are chosen; 0 where there is no file."""
        await self._run(self._index.refresh, _READ)
        return await self._run(partial(self._index.count, chosen), _READ)

    async def origins(self, chosen: LetterFilter = EVERY_LETTER) -> dict[str, int]:
        """Return how many letters are chosen of each origin; none where there is no file."""
        await self._run(self._index.refresh, _READ)
        return await self._run(partial(self._index.origins, chosen), _READ)

    async def end(self) -> int:
        """Return where the file ends: no letter behind that position was written yet."""
        return await self._run(self._index.refresh, _READ)

    async def purge(self, chosen: LetterFilter = EVERY_LETTER) -> int:
        """Have the chosen letters that are there now count no longer."""
        last = await self._run(self._index.refresh, _READ)
        position = removed = 0
        while part := await self._run(partial(self._index.slice, chosen, position, last), _READ):
            removed += await self.remove([each.position for each in part.letters])
            position = part.end
        return removed

    async def remove(self, positions: Sequence[int]) -> int:
        """Have the letters at these positions count no longer."""
        await self._run(self._index.refresh, _READ)
        removed = await self._run(partial(self._index.removals, positions), _READ)
        for start in range(0, len(removed), _at_once):
            line = file.removal(removed[start : start + _at_once])
            await self._run(partial(file.append, self._path, line), "remove dead letters from")
        return len(removed)

    async def aclose(self) -> None:
        """Wait for what is being written, but not without end, and end the thread."""
        if self._closed:
            return
        self._closed = True
        closing = self._executor.submit(self._index.close)
        self._executor.shutdown(wait=False)
        _, late = await asyncio.wait({asyncio.wrap_future(closing)}, timeout=close_timeout)
        if late:
            error = "the system hangs in it"
            logger.warning("experimentframework.close_failed", path=self.location, error=error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _run(self, work: Callable[[], T], doing: str) -> T:
        if self._closed:
            raise UnavailableError(f"cannot {doing} {self._path}: the store is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except OSError as error:
            raise translate_os_error(error, doing, self._path) from error


_READ = "read dead letters from"
