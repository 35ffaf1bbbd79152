"""One replay, from the first event to the last: what goes where, and what is known to be there."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_core._reading.unreadable import UnreadableFile
from experimentframework_core._replay import checkpoint
from experimentframework_core._replay.intake import Intake
from experimentframework_core._replay.pace import Pace
from experimentframework_core._replay.summary import Counts, ReplaySummary
from experimentframework_core._replay.target import Target
from experimentframework_core._replay.transform import transformed
from experimentframework_core.errors import BufferFullError, DeliveryError, ReplayError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from experimentframework_core._replay.planning import Plan
    from experimentframework_core._replay.target import Mark
    from experimentframework_core.envelope import Record

PAGE = 500
"""Records after which it is noted where the source stands."""

SAVE_AFTER = 10_000
"""Records that have arrived after which the checkpoint is written, if a second has not passed."""

SAVE_EVERY = 1.0
"""Seconds between two notes of where the source stands, and after which it is written."""


MOST_TOLD = 20
"""Records that are passed by of which each is told."""


class _Page(NamedTuple):
    """A place that the reading has passed: it is safe when the channels have done with it."""

    position: str
    mark: Mark
    read: int


class Replay:
    """Reads the source, delivers to the target, and remembers what has arrived.

    Attributes:
        counts: What was read so far.
        position: The source's checkpoint: all before it has met its fate at the target.
        bytes: How long the events that were read are together.
        intake: Where the events come from.
        target: Where they go.
    """

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        """Follow ``plan``; entering opens the target. ``tell`` says what is passed by.

        Raises:
            ReplayError: The plan's checkpoint is not one of its source's, which may have none.
        """
        self.counts = Counts()
        self.bytes = 0
        self.position = plan.selection.checkpoint
        self.intake = Intake(plan.source, plan.selection, self._pass_by)
        if plan.checkpoint is not None and not self.intake.has_positions:
            message = (
                f"{plan.source} tells no positions, so a replay of it cannot be resumed:"
                " leave out the checkpoint"
            )
            raise ReplayError(message)
        self.target = Target(plan.destinations, patience=plan.patience)
        self._plan = plan
        self._tell = tell
        self._pace = Pace(plan.rate) if plan.rate else None
        self._rejected = UnreadableFile(plan.rejected)
        self._pages: deque[_Page] = deque()
        self._noted = 0
        self._note_at = 0.0
        self._arrived = 0
        self._saved = plan.selection.checkpoint
        self._save_at = 0.0
        self._save_from = SAVE_AFTER
        self._begun = 0.0
        self._seconds = 0.0
        self._problem: str | None = None
        self._complete = False
        self._arrived_all = plan.dry_run
        self._gave_up = False

    async def __aenter__(self) -> Self:
        """Open the target, but for a dry run."""
        self._begun = time.monotonic()
        self._note_at = self._save_at = self._begun + SAVE_EVERY
        if not self._plan.dry_run:
            await self.target.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the target, and remember what has arrived."""
        try:
            if not self._plan.dry_run:
                await self._save_last()
                await self.target.__aexit__(kind, error, traceback)
        finally:
            self._rejected.__exit__()
            self._seconds = time.monotonic() - self._begun

    async def read(self) -> None:
        """Read the source to its end, and hand on what it gives; `finish` is to follow."""
        plan, counts, take_at_once = self._plan, self.counts, self.target.take_at_once
        as_it_is = plan.transform is None and self._pace is None and not plan.dry_run
        try:
            async with aclosing(self.intake.records()) as records:
                async for record in records:
                    if as_it_is and take_at_once(record):
                        counts.taken += 1
                    else:
                        await self._deal_with(record)
                    counts.read += 1
                    self.bytes += len(record.body)
                    if counts.read - self._noted >= PAGE or time.monotonic() >= self._note_at:
                        self._note()
                        await self._look()
            self._note()
            self._complete = True
        except BufferFullError:
            self._gave_up = True
        except (ReplayError, DeliveryError) as error:
            self._problem = str(error)
        except OSError as error:
            self._problem = f"cannot write {error.filename}: {error.strerror}"

    async def finish(self, *, soon: bool = False) -> None:
        """Have what was read delivered.

        Args:
            soon: Within the target's ``shutdownTimeoutMs``, because it has been interrupted.
        """
        if not (self._plan.dry_run or self._gave_up):
            limit = self._plan.drain_timeout if soon else None
            self._arrived_all = await self.target.drain(limit, self._look)
            self._gave_up = not (self._arrived_all or soon)
        if self._gave_up:
            reasons = "; ".join(self.target.troubles()) or "it does not say why"
            given_up = f"Nothing arrived for {self._plan.patience:g} s, so it gave up: {reasons}"
            self._problem = "; ".join(filter(None, (self._problem, given_up)))

    async def _deal_with(self, record: Record) -> None:
        counts, plan = self.counts, self._plan
        changed = record if plan.transform is None else transformed(record, plan.transform)
        if changed is None:
            counts.left_out += 1
        elif plan.dry_run:
            takes = self.target.takes(changed.event_type)
            counts.taken += takes
            counts.unrouted += not takes
        else:
            await self._hand_on(changed)

    async def _hand_on(self, record: Record) -> None:
        if self._pace is not None:
            seconds = self._pace.wait(time.monotonic())
            if seconds:
                await asyncio.sleep(seconds)
        try:
            if await self.target.take(record):
                self.counts.taken += 1
            else:
                self.counts.unrouted += 1
        except BufferFullError as error:
            if self.target.fits(record):
                raise
            too_large = ReplayError(str(error), record=record.body)
            self._keep(too_large, self.intake.position)

    def _pass_by(self, error: ReplayError, position: str) -> None:
        """Count what the source cannot give."""
        if error.lost is None:
            self._keep(error, position)
            self.counts.read += 1
        else:
            self.counts.gaps += 1
            self.counts.lost += error.lost
            self._tell(str(error))

    def _keep(self, error: ReplayError, position: str | None) -> None:
        if not self._plan.dry_run:
            self._rejected.add(error, position)
        self.counts.unreadable += 1
        if self.counts.unreadable <= MOST_TOLD:
            self._tell(f"Left out: {error}")

    def _note(self) -> None:
        """Note where the source stands: as far as that, when the target has done with it."""
        self._noted = self.counts.read
        self._note_at = time.monotonic() + SAVE_EVERY
        if (position := self.intake.position) is not None:
            self._pages.append(_Page(position, self.target.mark(), self._noted))

    async def _look(self) -> None:
        """Move the position behind what has arrived, and save it from time to time."""
        self._settle()
        if self._arrived >= self._save_from or time.monotonic() >= self._save_at:
            await self._save()

    def _settle(self) -> None:
        while self._pages and self.target.settled(self._pages[0].mark):
            page = self._pages.popleft()
            self.position, self._arrived = page.position, page.read

    async def _save(self) -> None:
        self._save_from = self._arrived + SAVE_AFTER
        self._save_at = time.monotonic() + SAVE_EVERY
        path, position = self._plan.checkpoint, self.position
        if self._plan.dry_run or path is None or position is None or position == self._saved:
            return
        await asyncio.to_thread(self._save_at_once, path, position)
        self._saved = position

    def _save_at_once(self, path: Path, position: str) -> None:
        # What the checkpoint leaves behind it must be as safe as the checkpoint.
        self._rejected.sync()
        checkpoint.save(path, self._plan.facts, position)

    async def _save_last(self) -> None:
        self._settle()
        try:
            await self._save()
        except OSError as error:
            self._problem = f"cannot write {error.filename}: {error.strerror}"

    def summary(self) -> ReplaySummary:
        """Return what became of the events; complete when it has been left."""
        return ReplaySummary(
            **msgspec.structs.asdict(self.counts),
            backplanes=self.target.statistics(),
            seconds=self._seconds,
            problem=self._problem,
            interrupted=self._problem is None and not (self._complete and self._arrived_all),
            resumed=self._plan.selection.checkpoint is not None,
            position=self.position,
            rejected_file=self._rejected.path if self._rejected.count else None,
        )
