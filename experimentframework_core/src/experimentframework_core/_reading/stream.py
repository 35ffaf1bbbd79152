"""The events that an application reads back: one by one, in batches, as Arrow, as a frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from experimentframework_core._reading.reading import Reading
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import ReplayError, TransientError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from experimentframework_core._reading.source import Source
    from experimentframework_core.plugin import Selection

AT_ONCE = 2000
"""Events of a batch, where nothing else is said."""


class EventStream(AsyncIterable[Envelope]):
    """The selected events of a backplane, in its order; what `DataPlane.read` returns.

    Memory is bounded, except for `to_polars`. Read it once, by one of its ways; where it is left
    before its end, call `aclose`.
    """

    def __init__(
        self,
        source: Source,
        selection: Selection,
        on_unreadable: Callable[[ReplayError], None] | None,
    ) -> None:
        """Store what to read; nothing is opened before the first event is asked for.

        Raises:
            ReplayError: The selection's checkpoint is not one of the backplane's readers'.
            TypeError: ``on_unreadable`` is no function.
        """
        if not (on_unreadable is None or callable(on_unreadable)):
            raise TypeError(f"on_unreadable={on_unreadable!r}: expected a function, or None")
        self._on_unreadable = on_unreadable
        self._follows = selection.follow
        self._reading = Reading(source, selection, _unheard, on_unreadable=self._pass_by)
        self._envelopes = _GoingOn(self._reading)
        self._in_batches = False
        self._given = self._reading.checkpoint

    @property
    def checkpoint(self) -> str | None:
        """Where the reading stands, behind the event given last; None where there is no such.

        What was read into a batch counts when the batch is given.
        """
        return self._given if self._in_batches else self._reading.checkpoint

    @property
    def unreadable(self) -> int:
        """How many stored records were no events so far."""
        return self._reading.unreadable

    def __aiter__(self) -> AsyncIterator[Envelope]:
        """Return the events one by one.

        The iterator raises ReplayError where the next record is no event and nobody wants to be
        told, or the source cannot be read, or not on from there; TransientError where the source
        does not answer. Read on later, from `checkpoint`.

        Where the wait for the next one is cancelled, as by a timeout, ask for it again.
        """
        return self._envelopes

    async def aclose(self) -> None:
        """End the reading, and close what it opened."""
        await self._envelopes.aclose()

    async def read_batches(self, size: int = AT_ONCE) -> AsyncGenerator[list[Envelope], None]:
        """Yield lists of events.

        What was read before an error is yielded before it is raised. Where the wait for a batch
        is cancelled the stream is closed, and what was read of that batch is not given: read on
        from the `checkpoint` behind the last one.

        Args:
            size: Events of each list; the last may have fewer.

        Raises:
            ValueError: ``size`` is less than 1.
            TypeError: ``size`` is no whole number.
            ReplayError: As for the next event.
            TransientError: As for the next event.
        """
        async with aclosing(self._batches(size)) as batches:
            async for batch, checkpoint in batches:
                self._given = checkpoint
                yield batch

    async def read_arrow(self, size: int = AT_ONCE) -> AsyncGenerator[pa.RecordBatch, None]:
        """Yield the events as Arrow record batches; needs the extra ``analysis``.

        All have the columns of `experimentframework_core.arrow.schema`. They are made in a
        thread, so that the event loop goes on meanwhile.

        Args:
            size: Rows of each batch; the last may have fewer.

        Raises:
            ModuleNotFoundError: pyarrow is missing.
            ReplayError: As for the next event.
            TransientError: As for the next event.
        """
        from experimentframework_core.arrow import record_batch

        async with aclosing(self._batches(size)) as batches:
            async for batch, checkpoint in batches:
                made = await asyncio.to_thread(record_batch, batch)
                self._given = checkpoint
                yield made

    async def to_polars(self) -> pl.DataFrame:
        """Return all of the events as a frame with these columns; needs the extra ``analysis``.

        It holds them all in memory, some 2 KB for each while it is made: for more than a few
        million events, export to Parquet and scan that.

        Raises:
            ModuleNotFoundError: pyarrow or polars is missing.
            ValueError: The stream follows, and so has no end.
            ReplayError: As for the next event.
            TransientError: As for the next event.
        """
        try:
            import polars as pl
        except ModuleNotFoundError as error:
            message = 'polars is missing: pip install "experimentframework[analysis]"'
            raise ModuleNotFoundError(message, name=error.name) from None
        from experimentframework_core.arrow import schema

        if self._follows:
            message = "follow=True has no end, so there is no frame of all; use read_arrow()"
            raise ValueError(message)
        frames = [pl.from_arrow(schema.empty_table())]
        frames += [pl.from_arrow(batch) async for batch in self.read_arrow()]
        return pl.concat([frame for frame in frames if isinstance(frame, pl.DataFrame)])

    async def _batches(self, size: int) -> AsyncGenerator[tuple[list[Envelope], str | None], None]:
        """Yield lists of events, each with the checkpoint behind it."""
        if not isinstance(size, int):
            raise TypeError(f"size={size!r}: expected a whole number")
        if size < 1:
            raise ValueError(f"size={size}: a batch has at least one event")
        self._in_batches = True
        self._given = behind = self._reading.checkpoint
        batch: list[Envelope] = []
        failure: Exception | None = None
        async with aclosing(self):
            try:
                async for envelope in self._envelopes:
                    batch.append(envelope)
                    behind = self._reading.checkpoint
                    if len(batch) == size:
                        yield batch, behind
                        batch = []
            except (ReplayError, TransientError) as error:
                failure = error
        if batch:
            yield batch, behind
        self._given = self._reading.checkpoint
        if failure is not None:
            raise failure

    def _pass_by(self, error: ReplayError, _checkpoint: str | None) -> None:
        if self._on_unreadable is None:
            raise error
        self._on_unreadable(error)


class _GoingOn(AsyncIterator[Envelope]):
    """What a reading gives, also after somebody stopped waiting for it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._envelopes = reading.stored()

    async def __anext__(self) -> Envelope:
        try:
            return await anext(self._envelopes)
        except asyncio.CancelledError:
            self._envelopes = self._reading.again()
            raise

    async def aclose(self) -> None:
        await self._envelopes.aclose()


def _unheard(_text: str) -> None:
    """Take what a reading tells: this one tells nothing, it raises."""
