"""Reads events back from the table."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError, ReplayError
from experimentframework_core.resuming import ResumingReader
from experimentframework_sqlserver._reading.checkpoint import position_of
from experimentframework_sqlserver._reading.pages import Page, Pages
from experimentframework_sqlserver._reading.progress import Progress
from experimentframework_sqlserver._reading.stored_row import body_of, stored_in

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from experimentframework_core.plugin import Selection
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._reading.pages import Numbered

poll_interval = 0.5

Event = TypeVar("Event")


def read_sql_server(options: SqlServerOptions, selection: Selection) -> AsyncIterator[Envelope]:
    """Return a reader of the selected events.

    Raises:
        ReplayError: The selection's checkpoint is not one of this reader's.
    """
    return SqlServerReader(options, selection)


def read_records(options: SqlServerOptions, selection: Selection) -> AsyncIterator[Record]:
    """Return a reader of the selected events as records, with the bytes that were delivered.

    Raises:
        ReplayError: As for `read_sql_server`.
    """
    return SqlServerRecordReader(options, selection)


class _Reader(ResumingReader[Event]):
    """The selected events in the order of their ``Id``, those of late transactions later.

    Without ``follow`` it ends where the table ended when it began. Memory is bounded: a page of
    rows is read at a time, and no lock is held between pages.
    """

    def __init__(self, options: SqlServerOptions, selection: Selection) -> None:
        """Store what to read; it connects with the first event.

        Raises:
            ReplayError: The selection's checkpoint is not one of this reader's.
        """
        self._options = options
        self._selection = selection
        self._begun = selection.checkpoint is not None
        self._progress = Progress(position_of(selection.checkpoint))
        self._bounds: tuple[int, int] | None = None
        super().__init__()

    @property
    def progress(self) -> float | None:
        """How much of the table, as it was when it began, has been read, from 0 to 1."""
        first, last = self._bounds or (0, 0)
        if last <= first:
            return None
        return min(1.0, max(0.0, (self._progress.after - first) / (last - first)))

    @property
    def checkpoint(self) -> str | None:
        """Where the reading stands: behind the event that was given last. None at the start."""
        return str(self._progress.position) if self._begun else None

    @abstractmethod
    def _form(self, body: bytes, record: Record) -> Event:
        """Make of a stored event, and its record, what is given."""

    async def _read(self) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield events, and what is wrong between them: a generator that raises is at its end."""
        async with Pages.of(self._options, self._selection) as pages:
            if self._progress.after and (lost := await pages.removed(self._progress.after)):
                yield self._gap(lost)
            self._begun = True
            async with aclosing(self._up_to_end(pages)) as found:
                async for each in found:
                    yield each
            while self._selection.follow:
                await asyncio.sleep(poll_interval)
                async with aclosing(self._new(pages, None)) as found:
                    async for each in found:
                        yield each

    def _gap(self, lost: int) -> ReplayError:
        after = self._progress.after
        self._progress.settled(after + lost)
        return ReplayError(
            f"cannot read the rows with Ids {after + 1} to {after + lost}: they were removed"
            f" before, at most {lost:,} events; keep them for longer, or read on behind them with"
            f" the checkpoint {self.checkpoint}",
            lost=lost,
        )

    async def _up_to_end(self, pages: Pages) -> AsyncGenerator[Event | ReplayError, None]:
        progress = self._progress
        bounds = await pages.bounds()
        self._bounds = progress.after, bounds.last
        span = await pages.span(progress.after, bounds.settled)
        progress.settled(span.after)
        page = Page((), is_last=span.after >= span.last)
        while not page.is_last:
            page = await pages.settled(progress.after, span.last)
            for each in page.rows:
                progress.settled(each.number)
                if (found := self._selected(each)) is not None:
                    yield found
        progress.settled(bounds.settled)
        async with aclosing(self._new(pages, bounds.last)) as more:
            async for found in more:
                yield found

    async def _new(
        self, pages: Pages, last: int | None
    ) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield what was missing and has come, then what is behind."""
        progress = self._progress
        progress.forget(pages.now())
        page = Page((), is_last=False)
        while progress.missing and not page.is_last:
            page = await pages.came(progress.missing)
            for each in page.rows:
                progress.came(each.number)
                if (found := self._selected(each)) is not None:
                    yield found
        page = Page((), is_last=False)
        while not page.is_last:
            page = await pages.recent(progress.after, last)
            for each in page.rows:
                progress.read(each.number, each.made, pages.now())
                if (found := self._selected(each)) is not None:
                    yield found

    def _selected(self, numbered: Numbered) -> Event | ReplayError | None:
        if numbered.row is None:
            return None
        try:
            body = body_of(numbered.row, pascal=self._options.event_type_case == "pascal")
            record = decode_record(body)
            return self._form(body, record) if self._selection.selects(record) else None
        except InvalidEventError as error:
            told = ReplayError(
                f"cannot read the row with Id {numbered.number}: {error}; read on behind it with"
                f" the checkpoint {self.checkpoint}",
                record=stored_in(numbered.row),
            )
            told.__cause__ = error
            return told


class SqlServerReader(_Reader[Envelope]):
    """Gives the selected events as envelopes."""

    def _form(self, body: bytes, record: Record) -> Envelope:  # noqa: ARG002 - of the other one
        return decode(body)


class SqlServerRecordReader(_Reader[Record]):
    """Gives the selected events as records, with the bytes that are stored."""

    def _form(self, body: bytes, record: Record) -> Record:  # noqa: ARG002 - of the other one
        return record
