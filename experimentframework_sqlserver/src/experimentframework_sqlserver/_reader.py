"""Reads events back from the table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError, ReplayError
from experimentframework_sqlserver._reading.checkpoint import position_of
from experimentframework_sqlserver._reading.pages import Page, Pages
from experimentframework_sqlserver._reading.progress import Progress
from experimentframework_sqlserver._reading.stored_row import body_of

if TYPE_CHECKING:
    from experimentframework_core.plugin import Selection
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._reading.pages import Numbered

poll_interval = 0.5


def read_sql_server(options: SqlServerOptions, selection: Selection) -> AsyncIterator[Envelope]:
    """Return a reader of the selected events.

    Raises:
        ReplayError: The selection's checkpoint is not one of this reader's.
    """
    return SqlServerReader(options, selection)


class SqlServerReader(AsyncIterator[Envelope]):
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
        self._envelopes = self._read()

    @property
    def checkpoint(self) -> str | None:
        """Where the reading stands: behind the event that was given last. None at the start."""
        return str(self._progress.position) if self._begun else None

    async def __anext__(self) -> Envelope:
        return await anext(self._envelopes)

    async def aclose(self) -> None:
        """Disconnect; needed only where the reading is left before its end."""
        await self._envelopes.aclose()

    async def _read(self) -> AsyncGenerator[Envelope, None]:
        async with Pages.of(self._options, self._selection) as pages:
            self._begun = True
            async with aclosing(self._up_to_end(pages)) as envelopes:
                async for envelope in envelopes:
                    yield envelope
            while self._selection.follow:
                await asyncio.sleep(poll_interval)
                async with aclosing(self._new(pages, None)) as envelopes:
                    async for envelope in envelopes:
                        yield envelope

    async def _up_to_end(self, pages: Pages) -> AsyncGenerator[Envelope, None]:
        progress = self._progress
        bounds = await pages.bounds()
        span = await pages.span(progress.after, bounds.settled)
        progress.settled(span.after)
        page = Page((), is_last=span.after >= span.last)
        while not page.is_last:
            page = await pages.settled(progress.after, span.last)
            for each in page.rows:
                progress.settled(each.number)
                if (envelope := self._selected(each)) is not None:
                    yield envelope
        progress.settled(bounds.settled)
        async with aclosing(self._new(pages, bounds.last)) as envelopes:
            async for envelope in envelopes:
                yield envelope

    async def _new(self, pages: Pages, last: int | None) -> AsyncGenerator[Envelope, None]:
        """Yield what was missing and has come, then what is behind."""
        progress = self._progress
        progress.forget(pages.now())
        page = Page((), is_last=False)
        while progress.missing and not page.is_last:
            page = await pages.came(progress.missing)
            for each in page.rows:
                progress.came(each.number)
                if (envelope := self._selected(each)) is not None:
                    yield envelope
        page = Page((), is_last=False)
        while not page.is_last:
            page = await pages.recent(progress.after, last)
            for each in page.rows:
                progress.read(each.number, each.made, pages.now())
                if (envelope := self._selected(each)) is not None:
                    yield envelope

    def _selected(self, numbered: Numbered) -> Envelope | None:
        if numbered.row is None:
            return None
        try:
            body = body_of(numbered.row, pascal=self._options.event_type_case == "pascal")
            return decode(body) if self._selection.selects(decode_record(body)) else None
        except InvalidEventError as error:
            raise ReplayError(
                f"cannot read the row with Id {numbered.number}: {error}; read on behind it with"
                f" the checkpoint {self.checkpoint}"
            ) from error
