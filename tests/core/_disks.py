"""Simulated disks and journals: what is committed survives a crash, nothing else does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._disk.journal import Lost, Opened, Page, Turn
from experimentframework_core._disk.settled import Settled
from experimentframework_core.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from random import Random

    from experimentframework_core._disk.journal import Commit, Row, Want

SPAN = 12
"""How many numbers a simulated journal searches at most for the rows of one lane."""


class SimulatedFile:
    """The committed contents of one journal.

    Attributes:
        homes: In which journals an event ever was, for all journals of the disk.
        number: Its place in that.
        rows: By number.
        history: The bodies of all rows that were ever written, by number.
        wrote: The last commit.
        damaged: Whether a row was lost.
        wrong: What a real journal would not notice.
    """

    def __init__(self, homes: dict[str, tuple[int, ...]], number: int) -> None:
        self.homes = homes
        self.number = number
        self.rows: dict[int, Row] = {}
        self.history: dict[int, bytes] = {}
        self.last = self.bytes = 0
        self.below = 1
        self.blocks: dict[int, bytes] = {}
        self.wrote: Commit | None = None
        self.damaged = False
        self.wrong: list[str] = []

    @property
    def settled(self) -> Settled:
        """What is settled."""
        return Settled(self.below, self.blocks)

    @property
    def unsettled(self) -> list[Row]:
        """The rows that a next process would deliver."""
        settled = self.settled
        return [row for number, row in sorted(self.rows.items()) if number not in settled]

    def apply(self, commit: Commit) -> None:
        """Do what the commit says, and check that it leaves nothing unsettled without a row."""
        self.wrote = commit
        numbers = [row.sequence for row in commit.rows]
        if numbers != sorted(set(numbers)) or commit.last < max(self.last, *numbers, 0):
            self.wrong.append(f"numbers {numbers}, last {commit.last} after {self.last}")
        self.rows.update(zip(numbers, commit.rows, strict=True))
        for row in commit.rows:
            self.history[row.sequence] = row.body
            name = name_of(row.body)
            if self.number not in self.homes.get(name, ()):
                self.homes[name] = (*self.homes.get(name, ()), self.number)
        self.last, self.below, self.bytes = commit.last, commit.below, commit.bytes
        for number, bits in commit.blocks.items():
            if bits:
                self.blocks[number] = bits
            else:
                self.blocks.pop(number, None)
        settled = self.settled
        for first, last in commit.trim:
            self._trim(first, last, settled)
        self._check(settled)

    def _trim(self, first: int, last: int, settled: Settled) -> None:
        for number in [number for number in self.rows if first <= number <= last]:
            if number not in settled:
                self.wrong.append(f"row {number} is trimmed and not settled")
            del self.rows[number]

    def _check(self, settled: Settled) -> None:
        kept = [row for number, row in self.rows.items() if number not in settled]
        missing = settled.unsettled(self.last) - len(kept)
        if missing and not self.damaged:
            self.wrong.append(f"{missing} unsettled numbers have no row")
        if not self.damaged and self.bytes != sum(len(row.body) for row in kept):
            self.wrong.append(f"{self.bytes} bytes are not those of the unsettled rows")

    def read(self, want: Want) -> Page:
        """Return a page, at times without rows although there are more."""
        if want.after >= self.last:
            return Page((), want.after)
        first, end = want.after + 1, self.last
        if want.lanes > 1:
            first = min((number for number in self.rows if number > want.after), default=end + 1)
            end = min(first + SPAN, end)
        found = [
            row
            for number, row in sorted(self.rows.items())
            if first <= number <= end and row.slot % want.lanes == want.lane
        ][: want.most]
        size = 0
        for count, row in enumerate(found):
            size += len(row.body)
            if count and size > want.most_bytes:
                return Page(found[:count], found[count - 1].sequence)
        return Page(found, found[-1].sequence if len(found) == want.most else end)

    def lose(self, number: int) -> Lost:
        """Lose a row, as a salvage does: what cannot be read counts as settled."""
        self.damaged = True
        self.rows.pop(number, None)
        settled = self.settled
        settled.add(number)
        self.below, self.blocks = settled.below, settled.blocks()
        return Lost([(number, number)], 0, "(simulated)")

    def opened(self, lost: Lost | None = None) -> Opened:
        """Return what a process finds."""
        return Opened(
            last=self.last,
            below=self.below,
            blocks=dict(self.blocks),
            bytes=sum(len(row.body) for row in self.unsettled),
            recovered=len(self.unsettled),
            lost=lost,
            ends_at=self.last,
            cut=False,
        )


def name_of(body: bytes) -> str:
    """Return the event id in a body."""
    return body[12 : body.index(b'"', 12)].decode()


class Weather(msgspec.Struct):
    """How a simulated disk behaves at the moment: chances of 0 to 1, and seconds."""

    failing: float = 0.0
    unknown: float = 0.0
    unreadable: float = 0.0
    damaging: float = 0.0
    hanging: float = 0.0
    latency: float = 0.005


class SimulatedDisk:
    """Journal files by folder, and who holds which folder.

    Attributes:
        weather: How it behaves.
        files: The committed contents.
        held: The folders that a living process holds, and its claims.
        wrong: What journals that are gone have noticed.
        losses: The bodies of rows that were lost to damage.
        failures: How many turns failed or hung.
        homes: In which journals an event ever was, by its id.
        must_be_drained: Whether a journal may only be removed when all in it is settled on disk;
            who closes one for good may know that all is, and fail to write it.
    """

    def __init__(self, random: Random) -> None:
        self.must_be_drained = True
        self.random = random
        self.weather = Weather()
        self.files: dict[Path, SimulatedFile] = {}
        self.held: dict[Path, SimulatedClaim] = {}
        self.wrong: list[str] = []
        self.losses: list[bytes] = []
        self.failures = 0
        self.homes: dict[str, tuple[int, ...]] = {}
        self._made = 0

    def happens(self, chance: float) -> bool:
        """Draw."""
        return chance > 0 and self.random.random() < chance

    async def pause(self) -> None:
        """Take as long as a disk takes."""
        await asyncio.sleep(self.random.random() * self.weather.latency)

    def file_in(self, folder: Path) -> SimulatedFile:
        """Return the folder's journal, which may be new."""
        if folder not in self.files:
            self._made += 1
            self.files[folder] = SimulatedFile(self.homes, self._made)
        return self.files[folder]

    def removed(self, folder: Path) -> None:
        """Forget a journal, which must be drained."""
        file = self.files.pop(folder)
        self.wrong += file.wrong
        if file.unsettled and self.must_be_drained:
            self.wrong.append(f"{len(file.unsettled)} unsettled rows are removed")

    async def turn(
        self,
        file: SimulatedFile,
        commit: Commit | None,
        wants: Sequence[Want],
        check: Callable[[], None],
    ) -> Turn:
        """Serve one turn; whoever is cancelled in it does not know what came of it."""
        weather = self.weather
        await self.pause()
        if self.happens(weather.hanging):
            self.failures += 1
            await asyncio.sleep(8 * self.random.random())
        check()
        failed = self.happens(weather.failing)
        written = commit is not None and (not failed or self.happens(weather.unknown))
        if commit is not None and written:
            file.apply(commit)
        # A crash here finds it written, and nobody told.
        await self.pause()
        check()
        self.failures += failed
        lost = self._damage(file) if self.happens(weather.damaging) else None
        error = TransientError("the simulated disk fails") if failed else None
        unreadable = (failed and self.happens(0.5)) or self.happens(weather.unreadable)
        if unreadable and wants:
            self.failures += 1
            error = error or TransientError("the simulated disk cannot be read")
        pages = [Page((), each.after) if unreadable else file.read(each) for each in wants]
        return Turn(error, pages, lost, commit is None or not failed)

    def _damage(self, file: SimulatedFile) -> Lost | None:
        rows = file.unsettled
        if not rows:
            return None
        row = self.random.choice(rows)
        self.losses.append(row.body)
        return file.lose(row.sequence)


class SimulatedJournal:
    """Has the methods of a `Journal`, on a simulated disk; a dead process's does nothing more."""

    def __init__(
        self, folder: Path, disk: SimulatedDisk, alive: Callable[[], bool] = lambda: True
    ) -> None:
        self._folder = folder
        self._disk = disk
        self._alive = alive
        self._busy = asyncio.Lock()

    @property
    def file(self) -> SimulatedFile:
        """Its contents."""
        return self._disk.file_in(self._folder)

    @property
    def wrote(self) -> Commit | None:
        """See `Store`."""
        return self.file.wrote

    async def open(self) -> Opened:
        await self._disk.pause()
        self._live()
        return self.file.opened()

    async def turn(self, commit: Commit | None, wants: Sequence[Want]) -> Turn:
        async with self._busy:
            self._live()
            return await self._disk.turn(self.file, commit, wants, self._live)

    async def aclose(self) -> None:
        await asyncio.sleep(0)

    def _live(self) -> None:
        if not self._alive():
            raise asyncio.CancelledError


class SimulatedClaim:
    """Has the methods of a `Claim`, on a simulated disk; the crash of its owner takes it away."""

    def __init__(self, folder: Path, disk: SimulatedDisk, owner: object = None) -> None:
        self.folder = folder
        self.owner = owner
        self._disk = disk
        disk.held[folder] = self

    def release(self) -> None:
        if self._disk.held.get(self.folder) is self:
            del self._disk.held[self.folder]

    def remove(self) -> None:
        if self._disk.held.get(self.folder) is self:
            self._disk.removed(self.folder)
        self.release()


def claim_on(disk: SimulatedDisk, root: Path, owner: object = None) -> SimulatedClaim:
    """Hold the lowest free folder, as `_owner.claim` does."""
    numbers = range(1, len(disk.held) + 2)
    folders = [root / f"{number:04d}" for number in numbers]
    return SimulatedClaim(next(each for each in folders if each not in disk.held), disk, owner)


def claim_abandoned_on(
    disk: SimulatedDisk, root: Path, owner: object = None
) -> SimulatedClaim | None:
    """Hold the lowest free folder with a journal, as `_owner.claim_abandoned` does."""
    free = sorted(folder for folder in disk.files if folder not in disk.held)
    return SimulatedClaim(free[0], disk, owner) if free else None
