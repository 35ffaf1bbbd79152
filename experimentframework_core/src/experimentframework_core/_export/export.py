"""Reads a source and writes what it gives into files, in bounded memory."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._export.outputs import temporary_name
from experimentframework_core._reading.reading import Reading
from experimentframework_core._reading.unreadable import UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core._export.outputs import Output
    from experimentframework_core._reading.source import Source
    from experimentframework_core.envelope import Envelope
    from experimentframework_core.errors import ReplayError
    from experimentframework_core.plugin import Selection

AT_ONCE = 2000
"""Most events that are written at once; two such batches are in memory."""

BYTES_AT_ONCE = 4 * 1024 * 1024
"""Bytes of events behind which a batch ends, estimated by every seventh of them."""

_STRIDE = 7

_encode = msgspec.json.Encoder().encode


class Export:
    """Copies the selected events of a source into an output, and what is no event beside it.

    Attributes:
        output: Where the events go.
        side: The file of what is no event; there only where something is none.
        events: How many were written.
        unreadable: How many records are no events.
        lost: How many events the source's retention took away meanwhile, at most.
    """

    def __init__(self, source: Source, selection: Selection, output: Output, side: Path) -> None:
        """Store what to do; nothing is opened.

        Raises:
            ReplayError: The source cannot be read.
        """
        self.output = output
        self.side = side
        self.events = 0
        self._made = UnreadableFile(temporary_name(side))
        self._reading = Reading(source, selection, _unheard, on_unreadable=self._keep)

    @property
    def unreadable(self) -> int:
        return self._reading.unreadable

    @property
    def lost(self) -> int:
        return self._reading.lost

    def _keep(self, error: ReplayError, checkpoint: str | None) -> None:
        if error.lost is None:
            self._made.add(error, checkpoint)

    async def run(self) -> None:
        """Do it: all of it is there afterwards, or nothing.

        Raises:
            OSError: The output cannot be written.
            TransientError: The source cannot be read.
            ReplayError: It cannot be read behind something that is no event.
        """
        is_complete = False
        try:
            with self._made, ThreadPoolExecutor(1, "experimentframework-export") as writer:
                self.output.open()
                await self._copy(writer)
            # In this thread: it blocks the loop, so nothing cancels it between two names.
            self.output.complete()
            if self.unreadable:
                self._made.path.replace(self.side)
            is_complete = True
        finally:
            if not is_complete:
                self.output.abandon()
                self._made.path.unlink(missing_ok=True)

    async def _copy(self, writer: ThreadPoolExecutor) -> None:
        """Read some events while those before are written."""
        writing: asyncio.Future[None] | None = None
        batch: list[Envelope] = []
        size = 0
        async with aclosing(self._reading.stored()) as envelopes:
            async for envelope in envelopes:
                batch.append(envelope)
                if len(batch) % _STRIDE == 0:  # Measuring each would take a tenth of the time.
                    size += _STRIDE * len(_encode(envelope))
                if len(batch) == AT_ONCE or size >= BYTES_AT_ONCE:
                    if writing is not None:
                        await writing
                    writing = self._write(writer, batch)
                    batch, size = [], 0
        if writing is not None:
            await writing
        if batch:
            await self._write(writer, batch)

    def _write(self, writer: ThreadPoolExecutor, batch: list[Envelope]) -> asyncio.Future[None]:
        self.events += len(batch)
        return asyncio.get_running_loop().run_in_executor(writer, self.output.write, batch)


def _unheard(_text: str) -> None:
    """Take what a reading tells: what is no event is written down, and all else is raised."""
