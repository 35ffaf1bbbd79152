"""The journal of the disk buffer: one SQLite file, opened once, used by one thread."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from experimentframework_core._disk import journal_file as file
from experimentframework_core._disk import journal_reading as reading
from experimentframework_core._disk import set_aside as files
from experimentframework_core._disk.journal_data import (
    Blocks,
    Commit,
    DamagedError,
    GoneError,
    Lost,
    Opened,
    Page,
    Row,
    State,
    Turn,
    Want,
)
from experimentframework_core._disk.salvage import Salvage
from experimentframework_core._disk.settled import Settled
from experimentframework_core._sqlite.database import Database
from experimentframework_core.errors import DeliveryError, JournalError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Commit", "Journal", "Lost", "Opened", "Page", "Row", "Turn", "Want"]

T = TypeVar("T")

file_name = "journal.db"

_corrupt, _not_a_database = 11, 26


class Journal:
    """Keeps rows until they are settled and trimmed, through the end of the process.

    Damage is found when the file is opened or when a row is read. The files are then copied
    into a folder ``damaged-…`` beside them, and what can be read goes on in a new file.

    Attributes:
        wrote: The last commit that is in the file and synced; None before the first.
    """

    def __init__(self, folder: Path) -> None:
        """Store the folder, which nobody else may use; nothing is opened."""
        self.path = folder / file_name
        self._database = Database(self.path, prepare=self._prepare)
        self._place: tuple[int, int] | None = None
        self._salvage = Salvage(self.path)
        self.wrote: Commit | None = None
        self._last = 0
        self._settled = Settled()
        self._lost: Lost | None = None

    async def open(self) -> Opened:
        """Open the file, or make it, and return what it holds.

        Raises:
            JournalError: It cannot be opened: the message says why and what to do. Damage is
                no reason.
        """
        try:
            cut = await self._database.run_closed(self._salvage.before_opening, doing="look at")
            state, blocks = await self._load()
        except DeliveryError as error:
            await self.aclose()
            raise JournalError(str(error)) from error
        recovered = self._settled.unsettled(state.last)
        return Opened(
            last=state.last,
            below=state.below,
            blocks=blocks,
            bytes=state.bytes,
            recovered=recovered,
            lost=self._take_lost(),
            ends_at=state.last,
            cut=cut,
        )

    async def turn(self, commit: Commit | None, wants: Sequence[Want]) -> Turn:
        """Write the commit, then read what is wanted. Raises no error: it is in the answer.

        With neither, it says whether the file is still in its place.
        """
        progress = _Progress(commit, wants)
        try:
            await self._work(progress)
            error = None
        except DeliveryError as failure:
            error = failure
            if commit is not None and await self._begun_anew(failure, progress):
                error = None
            elif progress.commit:
                await self._only_read(progress)
        return Turn(
            error=error,
            pages=(*progress.pages, *(Page((), want.after) for want in progress.wants)),
            lost=self._take_lost(),
            committed=progress.commit is None,
        )

    async def aclose(self) -> None:
        """Close the file, so that it is a single one without a log. Never waits without end."""
        await self._database.aclose()

    async def _load(self) -> tuple[State, Blocks]:
        try:
            return await self._run(self._read_marks, doing="open")
        except DeliveryError as error:
            if isinstance(error, DamagedError) or not await self._database.run_closed(
                self._salvage.is_due, doing="look at"
            ):
                raise
            self._salvage.due = str(error)
        return await self._run(self._read_marks, doing="open")

    async def _run(self, work: Callable[[sqlite3.Connection], T], *, doing: str) -> T:
        """Do the work; where damage is in the way, salvage the file and do it again."""
        try:
            if not self._salvage.due:
                return await self._database.run(work, doing=doing)
        except (DeliveryError, UnicodeDecodeError) as error:
            if not _is_damage(error):
                raise
            self._salvage.due = str(error)
        await self._database.run_closed(self._rescue, doing="salvage")
        await self._database.run(self._read_marks, doing="read")
        return await self._database.run(work, doing=doing)

    async def _work(self, progress: _Progress) -> None:
        doing = f"write {len(progress.commit.rows)} events to" if progress.commit else "read"
        await self._run(partial(self._go_on, progress), doing=doing)

    async def _begun_anew(self, failure: DeliveryError, progress: _Progress) -> bool:
        """Make room by a new file where nothing in the old one is needed; return if that helped.

        A full disk takes no commit, and so not the one that says that all is delivered.
        """
        commit = progress.commit
        if commit is None or commit.below <= self._last or isinstance(failure, GoneError):
            return False
        with suppress(DeliveryError):
            await self._database.run_closed(partial(files.remove, self.path), doing="empty")
            await self._work(progress)
        return progress.commit is None

    async def _only_read(self, progress: _Progress) -> None:
        # With a salvage due there may be no file, and reading would make one.
        if not self._salvage.due:
            with suppress(DeliveryError, UnicodeDecodeError):
                await self._database.run(partial(self._read, progress), doing="read")

    def _rescue(self) -> None:
        self._lost = _joined(self._lost, self._salvage.run())

    def _prepare(self, connection: sqlite3.Connection) -> None:
        file.prepare(self.path, connection)
        self._place = _place_of(self.path)

    def _see_in_place(self) -> None:
        if _place_of(self.path) != self._place:
            raise GoneError(
                f"{self.path} was removed or replaced while it was in use: what is written to it"
                " now would be lost; restart the process, and leave the folder alone"
            )

    def _read_marks(self, connection: sqlite3.Connection) -> tuple[State, Blocks]:
        state, blocks = file.read_marks(connection)
        self._last = max(self._last, state.last)
        self._settled.merge(state.below, blocks)
        return state, blocks

    def _go_on(self, progress: _Progress, connection: sqlite3.Connection) -> None:
        commit = progress.commit
        if commit is not None or not progress.wants:
            self._see_in_place()
        if commit is not None:
            file.write(connection, commit)
            self.wrote = commit
            self._last = commit.last
            self._settled.merge(commit.below, commit.blocks)
            progress.commit = None
        self._read(progress, connection)

    def _read(self, progress: _Progress, connection: sqlite3.Connection) -> None:
        while progress.wants:
            want = progress.wants[0]
            page = reading.read(connection, want, self._last)
            reading.check_gaps(connection, want, page, self._settled)
            progress.pages.append(page)
            del progress.wants[0]

    def _take_lost(self) -> Lost | None:
        lost, self._lost = self._lost, None
        return lost


class _Progress:
    """What of a turn is still to be done, and the pages that were read."""

    def __init__(self, commit: Commit | None, wants: Sequence[Want]) -> None:
        self.commit = commit
        self.wants = list(wants)
        self.pages: list[Page] = []


def _place_of(path: Path) -> tuple[int, int] | None:
    """Return which file is at the path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_damage(error: BaseException) -> bool:
    code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
    # SQLite's message may quote what is damaged, and Python cannot read that.
    return isinstance(error, DamagedError | UnicodeDecodeError) or code in {
        _corrupt,
        _not_a_database,
    }


def _joined(before: Lost | None, lost: Lost) -> Lost:
    if before is None:
        return lost
    return Lost((*before.ranges, *lost.ranges), before.quarantined + lost.quarantined, lost.copy)
