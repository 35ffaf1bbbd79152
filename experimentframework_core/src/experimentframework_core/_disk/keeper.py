"""Keeps a disk buffer's journal: opens, has it written, read and emptied, counts damage, closes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from experimentframework_core._disk.access import Access
from experimentframework_core._disk.adoption import Adoption
from experimentframework_core._disk.journal import Journal
from experimentframework_core._disk.journal_data import GoneError
from experimentframework_core._disk.owner import check_folder, claim
from experimentframework_core._disk.reader import Reader
from experimentframework_core._disk.writer import Writer
from experimentframework_core._log import brief, logger
from experimentframework_core._new_thread import in_new_thread
from experimentframework_core._tasks import run_bounded, spawn
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from experimentframework_core._channel.ledger import Ledger
    from experimentframework_core._disk.buffer import DiskBuffer
    from experimentframework_core._disk.journal_data import Lost, Opened, Store
    from experimentframework_core._disk.owner import Claim
    from experimentframework_core._log import Repeated
    from experimentframework_core._rules.batch import Item

DAMAGED = "damaged"
UNKNOWN_TYPE = "(unknown)"


class Keeper:
    """Stands between a disk buffer and its journal.

    Attributes:
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
        make_journal: Callable[[Path], Store] = Journal,
    ) -> None:
        """Hold the parts; `open` claims a folder.

        Args:
            name: The backplane's name.
            root: The folder of all its journals.
            buffer: The buffer.
            ledger: Told of what is written and what is lost.
            interval: Seconds between two commits, unless a lane or many publishers wait for one.
            warnings: Where failures are said.
            held: Gives what lanes have in work.
            make_journal: Makes the journal of a folder.
        """
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
        self._journal: Store | None = None
        self._access: Access | None = None
        self._writer: Writer | None = None
        self._adoption: Adoption | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._report: dict[str, Any] = {}

    async def open(self) -> None:
        """Claim a folder, open its journal, and take over what is in it.

        Raises:
            JournalError: The folder or the journal cannot be used.
        """
        # In a thread: it syncs folders, and at a reload the application is in full swing.
        claimed = await in_new_thread(self._claim_folder, name=f"{self._name}.claim")
        self.folder = claimed.folder
        journal = self._make_journal(self.folder)
        try:
            opened = await journal.open()
        except BaseException:
            claimed.release()
            raise
        self._journal = journal
        self._buffer.recover(opened)
        self._tell(opened)
        self._access = Access(
            self._name, self.folder, journal, lose=self._lose, warnings=self._warnings
        )
        draft, windows = self._buffer.draft, self._buffer.windows
        self._writer = Writer(self._access, draft, self._ledger, interval=self._interval)
        for queue in windows.queues:
            queue.confirm = self._writer.confirm

    def _claim_folder(self) -> Claim:
        """Own a folder, and note it even if nobody waits for the answer."""
        check_folder(self._root)
        self._claim = claimed = claim(self._root)
        if self._closed:
            claimed.release()
        return claimed

    def start(self) -> None:
        """Start writing, reading and adopting, if that is not done yet; only after `open`."""
        if self._access is None or self._writer is None or self._tasks:
            return
        reader = Reader(self._access, self._buffer.windows)
        self._buffer.draft.on_write = self._writer.wake
        for queue in self._buffer.windows.queues:
            queue.on_starving = reader.wake
        name = f"experimentframework.{self._name}"
        self._tasks = [
            spawn(self._writer.run(), name=f"{name}.writer"),
            spawn(reader.run(), name=f"{name}.reader"),
        ]
        self._adoption = Adoption(
            self._name,
            self._root,
            self._buffer,
            written=self._writer.written,
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
        if count:
            self._ledger.dropped[DAMAGED, UNKNOWN_TYPE] += count
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

    def _lose(self, lost: Lost) -> None:
        self._damaged(lost, self._buffer.lose(lost.ranges, self._held()))

    def _lose_unread(self, lost: Lost, count: int) -> None:
        """Take damage into the books that is met before its events were counted."""
        self._buffer.recovered += count
        self._damaged(lost, count)

    @property
    def adopting(self) -> bool:
        """Whether a dead process's journal is being moved into this one."""
        return self._adoption is not None and self._adoption.busy

    async def stop_adopting(self) -> None:
        """Leave the journals of dead processes to others; what is being moved stays in part."""
        if self._adoption is not None:
            await self._adoption.close()

    async def close(self, grace: float, *, for_good: bool = False) -> None:
        """Write all that is taken, within ``grace`` seconds, and give the folder back.

        What could not be written is still among what the buffer calls unwritten.

        Args:
            grace: Most seconds.
            for_good: Nobody will come back to the folder: remove it if nothing is kept in it.
        """
        if self._closed:
            return
        self._closed = True
        await self.stop_adopting()
        if self._writer is not None:
            self._writer.close()
        for task in self._tasks[1:]:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
            self._tasks[0].cancel()
            await self._look(grace)
        if self._claim is None:
            return
        if self._journal is None:
            self._claim.release()
            return
        closing = spawn(self._journal.aclose(), name=f"experimentframework.{self._name}.close")
        await asyncio.wait((closing,), timeout=grace)
        if closing.done():
            if self._writer is not None:
                self._writer.journal_closed(self._journal.wrote)
            if for_good and not self._buffer.events and not self.gone:
                await self._remove(self._claim)
            self._claim.release()
        # Otherwise a thread still writes: the folder stays ours until the process ends.

    async def _remove(self, claim: Claim) -> None:
        try:
            await in_new_thread(claim.remove, name=f"{self._name}.remove")
        except JournalError as error:
            self._warnings.warning(
                "experimentframework.journal_failed", backplane=self._name, error=brief(error)
            )

    async def _look(self, grace: float) -> None:
        """See whether what was written is still there."""
        if self._access is None or self._access.error is not None:
            return
        name = f"experimentframework.{self._name}.look"
        try:
            await run_bounded(self._access.turn(None), name=name, timeout=grace)
        except Exception as error:  # noqa: BLE001 - it is being closed; say so and go on
            self._access.failed(error)

    @property
    def gone(self) -> bool:
        """Whether the journal was removed or replaced while it was in use."""
        return isinstance(self.error, GoneError)

    @property
    def error(self) -> Exception | None:
        """Why the journal could not be used last time; None when all is well."""
        return None if self._access is None else self._access.error

    def diagnostics(self) -> dict[str, Any]:
        """Return what health says about the journal."""
        return {
            "folder": str(self.folder),
            "unwritten": self._buffer.draft.unwritten,
            "adopting": None if self._adoption is None else self._adoption.folder,
            "error": None if self.error is None else brief(self.error),
            **self._report,
        }


def _count(lost: Lost) -> int:
    return sum(last - first + 1 for first, last in lost.ranges)
