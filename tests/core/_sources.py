"""A source of the test's own, which fails where the test says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from experimentframework_core._reading.reading import Reading
from experimentframework_core._reading.source import Source
from experimentframework_core.envelope import Envelope
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Features, Selection
from experimentframework_core.testing import make_exposure

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.plugin import Backplane, OpenContext

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def envelope(event_id: str, at: datetime = NOON) -> Envelope:
    """Return an event with this id and time."""
    return Envelope(
        event_id=event_id,
        timestamp=at,
        event_type="exposure",
        schema_version="1.0.0",
        payload=make_exposure(),
    )


class FakeReader(AsyncIterator[Envelope]):
    """Gives what a source holds; what is an error there is raised."""

    def __init__(self, source: FakeSource, selection: Selection) -> None:
        """Begin behind the selection's checkpoint."""
        self.checkpoint = selection.checkpoint
        self.finds_times = source.finds_times
        self._source = source
        self._selection = selection
        self._found = self._read()

    async def __anext__(self) -> Envelope:
        found = await anext(self._found)
        if isinstance(found, Exception):
            raise found
        return found

    async def aclose(self) -> None:
        """Count that it was closed."""
        self._source.closed += 1

    async def _read(self) -> AsyncGenerator[Envelope | Exception, None]:
        since = self._selection.since
        for position in range(int(self.checkpoint or 0), len(self._source.held)):
            held = self._source.held[position]
            if isinstance(held, Exception) and held in self._source.passing:
                self._source.passing.remove(held)
                raise held
            selected = isinstance(held, Exception) or since is None or held.timestamp >= since
            if selected or self._source.counts_all:
                self.checkpoint = str(position + 1)
            if isinstance(held, Exception):
                if held not in self._source.passed:
                    yield held
                    if not self._source.goes_on:
                        return
            elif selected:
                yield held


class FakeSource:
    """Holds events, and errors that are met where they stand.

    Attributes:
        held: Events, and errors: those in ``passing`` are raised once, before the position moves
            over them; those in ``passed`` are then no longer there; others are raised behind it.
        counts_all: Whether the checkpoint moves over events that are not selected.
        goes_on: Whether a reader goes on behind an error when it is asked again.
        finds_times: Whether it says that it finds a time without reading what was before it.
        asked: The selection of each reading.
        closed: How many readers were closed.
    """

    def __init__(
        self, held: Sequence[Envelope | Exception], passing: Sequence[Exception] = ()
    ) -> None:
        """Hold events and errors."""
        self.held = list(held)
        self.passing = list(passing)
        self.passed = list(passing)
        self.counts_all = True
        self.goes_on = False
        self.finds_times = True
        self.asked: list[Selection] = []
        self.told: list[str] = []
        self.closed = 0

    def reading(self, selection: Selection | None = None) -> Reading:
        """Return a reading of it; what it tells is in ``told``."""
        made = Reading(self.source(), selection or Selection(), self.told.append)
        self.asked.clear()
        return made

    def source(self) -> Source:
        """Return it as a command sees it."""
        plugin = BackplanePlugin(
            type="fake",
            options=ChannelSettings,
            open=_open,
            read=self._read,
            features=Features(readable=True, durable=True),
        )
        return Source("fake", plugin, ChannelSettings())

    def _read(self, _options: ChannelSettings, selection: Selection) -> FakeReader:
        self.asked.append(selection)
        return FakeReader(self, selection)


def _open(
    _options: ChannelSettings, _context: OpenContext
) -> AbstractAsyncContextManager[Backplane]:
    raise NotImplementedError
