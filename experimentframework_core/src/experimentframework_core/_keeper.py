"""Keeps a disk buffer's journal: commits in groups, reads back for the lanes, adopts, closes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from experimentframework_core._adoption import Adoption
from experimentframework_core._failpoints import reach
from experimentframework_core._journal import Journal
from experimentframework_core._log import brief, logger
from experimentframework_core._owner import check_folder, claim
from experimentframework_core._spool import record_of
from experimentframework_core._tasks import spawn
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from experimentframework_core._batch import Item
    from experimentframework_core._journal import Commit, Lost, Opened, Turn, Want
    from experimentframework_core._ledger import Ledger
    from experimentframework_core._log import Repeated
    from experimentframework_core._owner import Claim
    from experimentframework_core._spool import DiskBuffer

TRIM_AFTER = 5.0
"""Seconds after which settled rows are deleted, however few they are."""

LONGEST_PAUSE = 1.0
"""Seconds between attempts at most while the journal cannot be written."""

CHUNK = 250
"""How many records are decoded between two turns of the loop."""

MARK_PATIENCE = 5.0
"""Seconds that a lane waits at most for its marks, on a disk that hangs."""

DAMAGED = "damaged"
UNKNOWN_TYPE = "(unknown)"


class Keeper:
    """The task between a disk buffer and its journal.

    Attributes:
        error: Why the journal could not be written last time; None when all is well.
        folder: The journal's folder; None before `open`.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        buffer: DiskBuffer,
        *,
        ledger: Ledger,
        interval: float,
        warnings: Repeated,
        held: Callable[[], Iterable[Item]],
        make_journal: Callable[[Path], Journal] = Journal,
    ) -> None:
        """Hold the parts; `open` claims a folder.

        Args:
            name: The backplane's name.
            root: The folder of all its journals.
            buffer: The books.
            ledger: Told of what is written and what is lost.
            interval: Seconds between two commits, unless somebody waits for one.
            warnings: Where failures are said.
            held: Gives what lanes have in work.
            make_journal: Makes the journal of a folder.
        """
        self.error: Exception | None = None
        self.folder: Path | None = None
        self._name = name
        self._root = root
        self._buffer = buffer
        self._ledger = ledger
        self._interval = interval
        self._warnings = warnings
        self._held = held
        self._make_journal = make_journal
        self._claim: Claim | None = None
        self._journal: Journal | None = None
        self._task: asyncio.Task[None] | None = None
        self._adoption: Adoption | None = None
        self._waker: asyncio.Future[None] | None = None
        self._attempt: asyncio.Future[None] | None = None
        self._running: asyncio.Future[None] | None = None
        self._urgent = self._closing = False
        self._last_commit = self._last_trim = self._not_before = float("-inf")
        self._failures = 0
        self._report: dict[str, Any] = {}
        for queue in buffer.disk_queues:
            queue.confirm = self.confirm

    async def open(self) -> None:
        """Claim a folder, open its journal, and take over what is in it.

        Raises:
            JournalError: The folder or the journal cannot be used.
        """
        check_folder(self._root)
        self._claim = claim(self._root)
        self.folder = self._claim.folder
        journal = self._make_journal(self.folder)
        try:
            opened = await journal.open()
        except BaseException:
            self._claim.release()
            raise
        self._journal = journal
        self._buffer.recover(opened)
        self._tell(opened)
        self._attempt = asyncio.get_running_loop().create_future()
        self._buffer.on_work = self.wake

    def start(self) -> None:
        """Start the task."""
        self._task = spawn(self._run(), name=f"experimentframework.{self._name}.journal")
        self._adoption = Adoption(
            self._name,
            self._root,
            self._buffer,
            written=self.written,
            lose=self._lose_unread,
            make_journal=self._make_journal,
        )
        self._adoption.start()

    def _tell(self, opened: Opened) -> None:
        self._report = {"recovered": opened.recovered, "ends_at": opened.ends_at}
        if opened.lost is not None:
            # The new file calls them settled; here they were neither recovered nor lost before.
            self._lose_unread(opened.lost, _count(opened.lost))
        if opened.cut:
            self._report["cut"] = True
            logger.error(
                "experimentframework.journal_cut", backplane=self._name, ends_at=opened.ends_at
            )
        if opened.recovered:
            logger.info(
                "experimentframework.journal_recovered", backplane=self._name, **self._report
            )

    def _damaged(self, lost: Lost, count: int) -> None:
        self._report["damaged"] = self._report.get("damaged", 0) + count
        self._report["quarantined"] = self._report.get("quarantined", 0) + lost.quarantined
        self._report["copy"] = lost.copy
        logger.error(
            "experimentframework.journal_damaged",
            backplane=self._name,
            lost=count,
            quarantined=lost.quarantined,
            copy=lost.copy,
        )

    def wake(self) -> None:
        """Have the task look whether there is something to do."""
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    def hurry(self) -> None:
        """Have the next commit at once."""
        self._urgent = True
        self.wake()

    async def confirm(self) -> None:
        """Return once the journal knows what is settled; at once while it cannot be written."""
        reach("lane.after_deliver")
        if self.error is None and (attempt := self._next_attempt()) is not None:
            await asyncio.wait((attempt,), timeout=MARK_PATIENCE)

    def _next_attempt(self) -> asyncio.Future[None] | None:
        """Return what ends when all marks of now have been written, or could not be."""
        if not self._buffer.marks_due:
            return self._running
        self.hurry()
        return self._attempt

    async def written(self) -> None:
        """Return once all that was taken so far is written, or known not to be for now."""
        through = self._buffer.last
        self._buffer.want_written()
        while not self._buffer.is_written(through) and self._attempt is not None:
            self.hurry()
            await asyncio.wait((self._attempt,))
            if self.error is not None:
                await asyncio.sleep(LONGEST_PAUSE)

    async def _run(self) -> None:
        while not self._finished:
            try:
                await self._rest()
                await self._round()
            except Exception as error:  # noqa: BLE001 - the loop's edge: go on, say so
                self._failed(error)

    @property
    def _finished(self) -> bool:
        return self._closing and not (self._buffer.commit_due or self._buffer.trim_due)

    async def _rest(self) -> None:
        loop = asyncio.get_running_loop()
        while (due := self._due()) is None or due > loop.time():
            self._waker = loop.create_future()
            timer = None if due is None else loop.call_at(due, self.wake)
            try:
                await self._waker
            finally:
                self._waker = None
                if timer is not None:
                    timer.cancel()

    def _due(self) -> float | None:
        """Return when the next round is due; None when there is nothing to do."""
        buffer = self._buffer
        if self._closing:
            return self._not_before
        times = []
        if self._urgent or buffer.starving:
            times.append(self._not_before)
        if buffer.commit_due:
            times.append(max(self._last_commit + self._interval, self._not_before))
        if buffer.trim_due:
            times.append(max(self._last_trim + TRIM_AFTER, self._not_before))
        return min(times, default=None)

    async def _round(self) -> None:
        """Write what is due and read what lanes want, in one go."""
        loop = asyncio.get_running_loop()
        self._running, self._attempt = self._attempt, loop.create_future()
        self._urgent = False
        try:
            wants = self._buffer.wants()
            commit = self._commit(loop.time())
            if self._journal is None or not (wants or commit):
                return
            turn = await self._turn(self._journal, commit, wants)
            if turn.lost is not None:
                self._lose(turn.lost)
            self._wake_waiters()
            await self._refill(wants, turn)
        finally:
            self._wake_waiters()

    async def _turn(self, journal: Journal, commit: Commit | None, wants: Sequence[Want]) -> Turn:
        try:
            turn = await journal.turn(commit, wants)
        except Exception:
            if commit is not None:
                self._buffer.failed()
            raise
        if turn.error is None:
            self._recovered()
        if commit is not None:
            self._conclude(commit, turn)
        return turn

    def _recovered(self) -> None:
        self.error = None
        self._failures = 0
        self._not_before = float("-inf")

    def _wake_waiters(self) -> None:
        running, self._running = self._running, None
        if running is not None and not running.done():
            running.set_result(None)

    def _commit(self, now: float) -> Commit | None:
        buffer = self._buffer
        trim = buffer.trim_due and (
            self._closing or buffer.trim_worthwhile or now >= self._last_trim + TRIM_AFTER
        )
        if not (buffer.commit_due or trim):
            return None
        self._last_commit = now
        if trim:
            self._last_trim = now
        return buffer.begin(trim=trim)

    def _conclude(self, commit: Commit, turn: Turn) -> None:
        if not turn.committed:
            self._buffer.failed()
            self._failed(turn.error or JournalError(f"cannot write the journal in {self.folder}"))
            return
        self._ledger.written(self._buffer.committed_records(commit))
        self._ledger.admit()

    def _failed(self, error: Exception) -> None:
        self.error = error
        self._failures += 1
        pause = min(LONGEST_PAUSE, 0.05 * 2**self._failures)
        self._not_before = asyncio.get_running_loop().time() + pause
        self._warnings.warning(
            "experimentframework.journal_failed", backplane=self._name, error=brief(error)
        )

    def _lose(self, lost: Lost) -> None:
        held = list(self._held())
        count = self._buffer.lose(lost.ranges, [item.sequence for item in held])
        self._buffer.write_again(held)
        self._ledger.dropped[DAMAGED, UNKNOWN_TYPE] += count
        self._damaged(lost, count)

    def _lose_unread(self, lost: Lost, count: int) -> None:
        """Take damage into the books that is met before its events were counted."""
        self._buffer.recovered += count
        self._ledger.dropped[DAMAGED, UNKNOWN_TYPE] += count
        self._damaged(lost, count)

    async def _refill(self, wants: Sequence[Want], turn: Turn) -> None:
        for want, page in zip(wants, turn.pages, strict=True):
            for place, row in enumerate(page.rows, 1):
                self._buffer.enter(want.lane, row, record_of(row.body))
                if place % CHUNK == 0:
                    await asyncio.sleep(0)
            self._buffer.read_through(want.lane, page.through)
            if page.through <= want.after and turn.lost is None:
                self._failed(
                    turn.error or JournalError(f"cannot read the journal in {self.folder}")
                )

    async def close(self, grace: float) -> None:
        """Write all that is taken, within ``grace`` seconds, and give the folder back.

        What could not be written is still among what the buffer calls unwritten.
        """
        if self._adoption is not None:
            await self._adoption.close()
        self._closing = True
        self._buffer.lazy = False
        self._not_before = float("-inf")
        self.wake()
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=grace)
            if not self._task.done():
                self._task.cancel()
        if self._journal is None or self._claim is None:
            return
        closing = spawn(self._journal.aclose(), name=f"experimentframework.{self._name}.close")
        await asyncio.wait((closing,), timeout=grace)
        if closing.done():
            self._claim.release()
        # Otherwise a thread still writes: the folder stays ours until the process ends.

    def diagnostics(self) -> dict[str, Any]:
        """Return what health says about the journal."""
        return {
            "folder": str(self.folder),
            "unwritten": self._buffer.unwritten,
            "adopting": None if self._adoption is None else self._adoption.folder,
            "error": None if self.error is None else brief(self.error),
            **self._report,
        }


def _count(lost: Lost) -> int:
    return sum(last - first + 1 for first, last in lost.ranges)
