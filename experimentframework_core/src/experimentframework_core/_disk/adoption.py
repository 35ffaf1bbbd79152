"""Takes over the journals that dead processes have left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._disk.entry import record_of
from experimentframework_core._disk.journal import Commit, Want
from experimentframework_core._disk.owner import claim_abandoned
from experimentframework_core._disk.settled import Settled
from experimentframework_core._failpoints import reach
from experimentframework_core._log import brief, logger
from experimentframework_core._new_thread import in_new_thread
from experimentframework_core._tasks import spawn
from experimentframework_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from experimentframework_core._disk.buffer import DiskBuffer
    from experimentframework_core._disk.journal_data import Lost, Opened, Row, Store
    from experimentframework_core._disk.owner import Claim

LOOK_EVERY = 10.0
"""Seconds between two looks for journals of dead processes."""

CHUNK = 500
CHUNK_BYTES = 1024 * 1024

READS = 3
"""How often a chunk is read, where damage is found and mended meanwhile."""

CLOSE_TIMEOUT = 1.0
"""Seconds that a journal which is being adopted has to close."""

ROOM_EVERY = 0.2
"""Seconds between two looks whether there is room for more."""


class Adoption:
    """Moves what dead processes have left into this process's journal, a chunk at a time.

    A chunk is written here before it is settled there: a process that dies in between leaves it
    in both, and so its events are delivered twice, with the same ids.

    Attributes:
        busy: Whether a journal is being moved now.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        buffer: DiskBuffer,
        *,
        written: Callable[[], Awaitable[None]],
        lose: Callable[[Lost, int], None],
        make_journal: Callable[[Path], Store],
    ) -> None:
        """Hold the parts; `start` begins.

        Args:
            name: The backplane's name.
            root: The folder of all its journals.
            buffer: Takes the records.
            written: Returns once all that the buffer took is in its journal.
            lose: Told of damage, and of how many unsettled events it took.
            make_journal: Makes the journal of a folder.
        """
        self.busy = False
        self._name = name
        self._root = root
        self._buffer = buffer
        self._written = written
        self._lose = lose
        self._make_journal = make_journal
        self._task: asyncio.Task[None] | None = None
        self._claims: list[Claim] = []
        self._closed = False

    @property
    def folder(self) -> str | None:
        """The journal that is being moved, or could not be; None when there is none."""
        return str(self._claims[-1].folder) if self._claims else None

    def start(self) -> None:
        """Look now, and from time to time."""
        self._task = spawn(self._run(), name=f"experimentframework.{self._name}.adoption")

    async def close(self) -> None:
        """Leave what is not moved yet to the next process."""
        if self._task is not None:
            self._closed = True
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=CLOSE_TIMEOUT)
            if not self._task.done():
                return
        for claim in self._claims:
            claim.release()

    async def _run(self) -> None:
        while True:
            try:
                name = f"{self._name}.claim"
                while await in_new_thread(self._claim_next, name=name):
                    await self._adopt(self._claims[-1])
            except Exception as error:  # noqa: BLE001 - the loop's edge: go on, say so
                logger.warning(
                    "experimentframework.adoption_failed",
                    backplane=self._name,
                    error=brief(error),
                )
            await asyncio.sleep(LOOK_EVERY)

    def _claim_next(self) -> bool:
        """In a thread: claim a folder, and note it even if nobody waits for the answer."""
        claim = claim_abandoned(self._root)
        if claim is None:
            return False
        self._claims.append(claim)
        if self._closed:
            claim.release()
        return True

    async def _adopt(self, claim: Claim) -> None:
        journal = self._make_journal(claim.folder)
        self.busy = True
        try:
            opened = await journal.open()
            await self._move(journal, opened)
        finally:
            self.busy = False
            await journal.aclose()
        # A folder that cannot be drained stays claimed until the end: the next one has its turn.
        await in_new_thread(claim.remove, name=f"{self._name}.remove")
        self._claims.remove(claim)
        logger.info(
            "experimentframework.journal_adopted",
            backplane=self._name,
            folder=str(claim.folder),
            recovered=opened.recovered,
            damaged=opened.lost is not None,
        )

    async def _move(self, journal: Store, opened: Opened) -> None:
        settled = Settled(opened.below, opened.blocks)
        size = opened.bytes
        if opened.lost is not None:
            self._lose(opened.lost, _settle_ranges(settled, opened.lost.ranges))
        while settled.below <= opened.last:
            await self._room()
            rows, through = await self._read(journal, settled)
            fresh = [row for row in rows if row.sequence not in settled]
            self._buffer.adopt((row, record_of(row.body)) for row in fresh)
            await self._written()
            reach("keeper.in_adoption")
            first = settled.below
            settled.add_range(first, through)
            size -= sum(len(row.body) for row in fresh)
            await self._settle(journal, settled, opened.last, max(0, size), (first, through))

    async def _read(self, journal: Store, settled: Settled) -> tuple[Sequence[Row], int]:
        after = settled.below - 1
        for _ in range(READS):
            turn = await journal.turn(None, [Want(after, 0, 1, CHUNK, CHUNK_BYTES)])
            (page,) = turn.pages
            if turn.lost is not None:
                self._lose(turn.lost, _settle_ranges(settled, turn.lost.ranges))
            if page.through > after:
                return page.rows, page.through
        raise turn.error or JournalError(f"cannot read the journal in {self._claims[-1].folder}")

    async def _settle(
        self, journal: Store, settled: Settled, last: int, size: int, trim: tuple[int, int]
    ) -> None:
        marks = Commit(
            rows=(),
            last=last,
            bytes=size,
            below=settled.below,
            blocks=settled.changes(),
            trim=(trim,),
        )
        turn = await journal.turn(marks, ())
        if turn.error is not None:
            raise turn.error
        settled.changes_saved()

    async def _room(self) -> None:
        while self._buffer.crowded:  # noqa: ASYNC110 - room comes in many ways; it is not urgent
            await asyncio.sleep(ROOM_EVERY)


def _settle_ranges(settled: Settled, ranges: Sequence[tuple[int, int]]) -> int:
    return sum(settled.add_range(first, last) for first, last in ranges)
