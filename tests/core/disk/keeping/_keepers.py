"""Keepers for tests: the real books, writer and reader on a journal in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._channel.ledger import Ledger
from experimentframework_core._disk.buffer import Bounds, DiskBuffer
from experimentframework_core._disk.journal import Commit, Opened, Page, Row, Turn, Want
from experimentframework_core._disk.keeper import Keeper
from experimentframework_core._log import Repeated
from experimentframework_core.errors import JournalError, TransientError
from tests.core._channels import key_of
from tests.core._disks import SimulatedFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core._disk.journal import Lost
    from experimentframework_core._rules.batch import Item

EPOCH = 1_700_000_000.0


class JournalInMemory:
    """Keeps its rows in memory, as long as it is not told to fail or to hang.

    Attributes:
        file: Its contents, which outlive it.
        turns: When each turn began, and what it was asked for.
        failing: Whether turns fail.
        raising: What a turn raises, against its contract.
        hanging: Turns wait until it is set.
        found: The damage that the next turn meets.
        closed: How often it was closed.
    """

    def __init__(self, file: SimulatedFile, refuses: str = "") -> None:
        """Begin well; ``refuses`` says why it cannot be opened."""
        self.file = file
        self.turns: list[tuple[float, Commit | None, Sequence[Want]]] = []
        self.failing = False
        self.raising: Exception | None = None
        self.hanging = asyncio.Event()
        self.hanging.set()
        self.lost_at_opening: Lost | None = None
        self.found: Lost | None = None
        self.closed = 0
        self._refuses = refuses

    @property
    def wrote(self) -> Commit | None:
        return self.file.wrote

    async def open(self) -> Opened:
        if self._refuses:
            raise JournalError(self._refuses)
        return self.file.opened(self.lost_at_opening)

    async def turn(self, commit: Commit | None, wants: Sequence[Want]) -> Turn:
        self.turns.append((asyncio.get_running_loop().time(), commit, wants))
        await self.hanging.wait()
        await asyncio.sleep(0.001)
        if self.raising is not None:
            raise self.raising
        if self.failing:
            pages = [Page((), want.after) for want in wants]
            return Turn(TransientError("no space"), pages, committed=commit is None)
        if commit is not None:
            self.file.apply(commit)
        lost, self.found = self.found, None
        return Turn(None, [self.file.read(want) for want in wants], lost)

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def commits(self) -> list[tuple[float, Commit]]:
        """When each commit began, and what it says."""
        return [(at, commit) for at, commit, _ in self.turns if commit is not None]


class Bench:
    """A keeper with all that it stands between.

    Attributes:
        journal: Its journal.
        buffer, ledger, keeper: The real ones.
        held: What lanes are said to have in work.
        others: The journals in other folders, by the folder's name.
    """

    def __init__(self, root: Path, *, window: int = 100, lazy: bool = False) -> None:
        """Put it together; nothing is opened."""
        self.journal = JournalInMemory(SimulatedFile({}, 1))
        clock = asyncio.get_running_loop().time
        self.buffer = DiskBuffer(
            max_events=1000,
            max_bytes=1_000_000,
            lanes=1,
            key=key_of,
            bounds=Bounds(window, 100_000),
            clock=clock,
            epoch=EPOCH - clock(),
            lazy=lazy,
        )
        self.ledger = Ledger("orders", self.buffer)
        self.held: list[Item] = []
        self.others: dict[str, JournalInMemory] = {}
        self.keeper = Keeper(
            "orders",
            root,
            self.buffer,
            ledger=self.ledger,
            interval=0.05,
            warnings=Repeated(),
            held=lambda: self.held,
            make_journal=lambda folder: self.others.get(folder.name, self.journal),
        )

    async def begin(self) -> None:
        """Open and start."""
        await self.keeper.open()
        self.keeper.start()

    def left_behind(self, folder: Path, rows: Sequence[Row]) -> JournalInMemory:
        """Make the folder of a dead process, with a journal that holds these rows."""
        folder.mkdir(parents=True)
        (folder / "journal.db").touch()
        journal = JournalInMemory(SimulatedFile({}, len(self.others) + 2))
        size = sum(len(row.body) for row in rows)
        last = rows[-1].sequence
        journal.file.apply(Commit(rows=rows, last=last, bytes=size, below=1, blocks={}, trim=()))
        self.others[folder.name] = journal
        return journal

    def deliver(self, most: int) -> None:
        """Have the oldest records delivered."""
        cut = self.buffer.windows.queues[0].cut(most, 1_000_000, 0.0)
        self.ledger.deliver(cut.records, cut.numbers)
