"""Reads events of a source: past what cannot be read, and on after a failure while it follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._rules.retry import Backoff
from experimentframework_core.errors import ReplayError, TransientError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from datetime import datetime

    from experimentframework_core._reading.source import Source
    from experimentframework_core.envelope import Envelope
    from experimentframework_core.plugin import Selection

OnUnreadable = Callable[[ReplayError, str | None], None]
"""Is told what is no event, and the checkpoint behind it."""

MOST_TOLD = 20
"""Unreadable events of which each is told."""

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 30.0


class Reading:
    """Reads the selected events of one source.

    Attributes:
        checkpoint: Behind the event that was given last; None where nothing was read, or where
            the source has no positions.
        unreadable: Events that were left out because they cannot be read.
        lost: Events that retention took away before they were read, at most.
        has_positions: Whether it can go on where it stood; else it begins anew each time.
        finds_times: Whether it finds a time sooner than by reading everything before it.
    """

    def __init__(
        self,
        source: Source,
        selection: Selection,
        tell: Callable[[str], None],
        *,
        on_unreadable: OnUnreadable | None = None,
    ) -> None:
        """Read from ``selection.checkpoint`` on.

        Args:
            source: What is read.
            selection: What is wanted of it.
            tell: Says what goes wrong meanwhile.
            on_unreadable: Called for what is no event, with the checkpoint behind it. It may
                raise, which ends the reading there. None tells of it.

        Raises:
            ReplayError: The selection's checkpoint is not one of this source's.
        """
        reader = source.read(selection)
        self.checkpoint = position_of(reader)
        self.unreadable = 0
        self.lost = 0
        self._source = source
        self._selection = msgspec.structs.replace(selection, checkpoint=self.checkpoint)
        self._tell = tell
        self._on_unreadable = on_unreadable or self._tell_of
        self._told: set[str] = set()
        self.has_positions = hasattr(reader, "checkpoint")
        self.finds_times: bool = getattr(reader, "finds_times", True)
        self._backoff = Backoff(
            initial=_FIRST_WAIT, maximum=_LONGEST_WAIT, multiplier=2, random=lambda: 1.0
        )

    @property
    def is_bounded(self) -> bool:
        """Whether it begins at a time or a checkpoint."""
        return self._selection.since is not None or self._selection.checkpoint is not None

    async def stored(self, since: datetime | None = None) -> AsyncGenerator[Envelope, None]:
        """Yield what is there now, each time from the beginning.

        Args:
            since: The first time, in the place of the selection's.

        Raises:
            TransientError: The source cannot be read.
            ReplayError: It cannot be read behind something that is no event.
        """
        selection = self._selection
        self.checkpoint = selection.checkpoint
        self.unreadable = self.lost = 0
        if since is not None:
            selection = msgspec.structs.replace(selection, since=since)
        async with aclosing(self._read(selection)) as envelopes:
            async for envelope in envelopes:
                yield envelope

    async def again(self) -> AsyncGenerator[Envelope, None]:
        """Yield what is behind the checkpoint, after a reading of what is stored was cancelled.

        Raises:
            TransientError: The source cannot be read.
            ReplayError: As for `stored`; or it has no positions, so that it would begin anew.
        """
        if not self.has_positions:
            raise ReplayError(
                f"cannot read on in {self._source}: the wait for an event was cancelled, and its"
                " reader has no checkpoint to go on from; read it from the beginning"
            )
        async with aclosing(self._read(self._selection)) as envelopes:
            async for envelope in envelopes:
                yield envelope

    async def coming(self) -> AsyncGenerator[Envelope, None]:
        """Yield what comes behind the checkpoint, for ever; a failure is told and waited for.

        Raises:
            TransientError: A source without positions cannot be read.
            ReplayError: It cannot be read behind something that is no event.
        """
        selection = msgspec.structs.replace(self._selection, follow=True)
        while True:
            try:
                async with aclosing(self._read(selection)) as envelopes:
                    async for envelope in envelopes:
                        self._backoff.reset()
                        yield envelope
                return
            except TransientError as error:
                if not self.has_positions:
                    raise
                seconds = self._backoff.next(at_least=error.retry_after)
                self._tell(f"{error}; trying again in {seconds:.0f} s")
                await asyncio.sleep(seconds)

    async def _read(self, selection: Selection) -> AsyncGenerator[Envelope, None]:
        passed = True
        while passed:
            selection = msgspec.structs.replace(selection, checkpoint=self.checkpoint)
            passed = False
            reader = self._source.read(selection)
            async with _closing(reader):
                while True:
                    try:
                        envelope = await anext(reader)
                    except StopAsyncIteration:
                        self.checkpoint = position_of(reader)
                        # Some readers end where they raised, and some go on.
                        break
                    except ReplayError as error:
                        self._pass_by(error, position_of(reader))
                        passed = True
                    else:
                        self.checkpoint = position_of(reader)
                        passed = False
                        yield envelope

    def _pass_by(self, error: ReplayError, position: str | None) -> None:
        """Count and tell what is left out.

        Raises:
            ReplayError: There is no way on behind it.
        """
        if position == self.checkpoint:
            raise error
        self.checkpoint = position
        self.lost += error.lost or 0
        self.unreadable += error.lost is None
        self._on_unreadable(error, position)

    def _tell_of(self, error: ReplayError, _checkpoint: str | None) -> None:
        if len(self._told) < MOST_TOLD and str(error) not in self._told:
            self._told.add(str(error))
            self._tell(f"Left out: {error}")


def position_of(reader: AsyncIterator[object]) -> str | None:
    """Return where a reader stands; None at the start, or where its source has no positions."""
    position = getattr(reader, "checkpoint", None)
    return position if isinstance(position, str) else None


@asynccontextmanager
async def _closing(reader: AsyncIterator[Envelope]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if hasattr(reader, "aclose"):
            await reader.aclose()
