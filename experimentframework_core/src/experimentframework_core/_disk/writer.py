"""Writes a disk buffer's journal: commits in groups, marks, and trims."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._disk.access import ALWAYS, LONGEST_PAUSE, Access
from experimentframework_core._failpoints import reach
from experimentframework_core._tasks import Sleep

if TYPE_CHECKING:
    from experimentframework_core._channel.ledger import Ledger
    from experimentframework_core._disk.draft import Draft
    from experimentframework_core._disk.journal import Commit

TRIM_AFTER = 5.0
"""Seconds after which settled rows are deleted, however few they are."""

MARK_PATIENCE = 5.0
"""Seconds that a lane waits at most for its marks, on a disk that hangs."""


class Writer:
    """Has each commit written that the draft says is due."""

    def __init__(self, access: Access, draft: Draft, ledger: Ledger, *, interval: float) -> None:
        """Write what ``draft`` says and tell ``ledger``.

        Args:
            access: The journal.
            draft: Says what is to be written.
            ledger: Told of what is written.
            interval: Seconds between two commits, unless a lane or many publishers wait for one.
        """
        self._access = access
        self._draft = draft
        self._ledger = ledger
        self._interval = interval
        self._sleep = Sleep()
        self._next: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running: asyncio.Future[None] | None = None
        self._unanswered: Commit | None = None
        self._urgent = self._closing = False
        self._last_commit = self._last_trim = ALWAYS
        self.wake = self._sleep.wake

    def hurry(self) -> None:
        """Have the next commit at once."""
        self._urgent = True
        self.wake()

    def close(self) -> None:
        """Write all that there is, then end."""
        self._closing = True
        self._draft.lazy = False
        self._access.try_now()
        self.wake()

    def journal_closed(self, wrote: Commit | None) -> None:
        """Take note of a commit that nobody waited for any longer, if the journal wrote it."""
        commit, self._unanswered = self._unanswered, None
        if commit is not None and commit is wrote:
            self._ledger.written(self._draft.committed_records(commit))

    async def confirm(self) -> None:
        """Return once the journal knows what is settled; at once while it cannot be written."""
        reach("lane.after_deliver")
        if self._access.error is None and (attempt := self._next_attempt()) is not None:
            await asyncio.wait((attempt,), timeout=MARK_PATIENCE)

    def _next_attempt(self) -> asyncio.Future[None] | None:
        """Return what ends when all marks of now have been written, or could not be."""
        if not self._draft.marks_due:
            return self._running
        self.hurry()
        return self._next

    async def written(self) -> None:
        """Return once all that was taken so far is written."""
        through = self._draft.last
        self._draft.want_written()
        while not self._draft.is_written(through):
            self.hurry()
            await asyncio.wait((self._next,))
            if self._access.error is not None:
                await asyncio.sleep(LONGEST_PAUSE)

    async def run(self) -> None:
        """Work until `close` and all is written, or until cancelled."""
        while not (self._closing and not self._work_left):
            await self._sleep.until(self._due)
            try:
                await self._commit()
            except Exception as error:  # noqa: BLE001 - the loop's edge: go on, say so
                self._draft.failed()
                self._access.failed(error)
            finally:
                self._attempt_ended()

    @property
    def _work_left(self) -> bool:
        return self._draft.commit_due or self._draft.trim_due

    def _due(self) -> float | None:
        """Return when the next commit is due; None when there is nothing to write."""
        draft, earliest = self._draft, self._access.not_before
        if self._closing or self._urgent or draft.commit_is_worthwhile:
            return earliest
        if draft.commit_due:
            return max(self._last_commit + self._interval, earliest)
        if draft.trim_due:
            return max(self._last_trim + TRIM_AFTER, earliest)
        return None

    async def _commit(self) -> None:
        async with self._access.lock:
            self._urgent = False
            self._running = self._next
            self._next = asyncio.get_running_loop().create_future()
            commit = self._begin(asyncio.get_running_loop().time())
            if commit is None:
                return
            self._unanswered = commit
            turn = await self._access.turn(commit)
            self._unanswered = None
            if not turn.committed:
                self._draft.failed()
                return
            self._ledger.written(self._draft.committed_records(commit))
            self._ledger.admit()

    def _attempt_ended(self) -> None:
        running, self._running = self._running, None
        if running is not None and not running.done():
            running.set_result(None)

    def _begin(self, now: float) -> Commit | None:
        draft = self._draft
        trim = draft.trim_due and (
            self._closing or draft.trim_worthwhile or now >= self._last_trim + TRIM_AFTER
        )
        if self._access.error is not None:
            # A full disk may still take the marks, which need less room.
            trim = trim and not draft.commit_due
        if not (draft.commit_due or trim):
            return None
        self._last_commit = now
        if trim:
            self._last_trim = now
        return draft.begin(trim=trim)
