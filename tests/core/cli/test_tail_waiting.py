"""`tail` tells a person that it still reads, where a source lets it wait."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._reading.reading import Reading
from experimentframework_core._reading.source import Source
from experimentframework_core.cli import _tail
from experimentframework_core.cli._event_text import EventLines
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Features, Selection
from tests.core._sources import NOON, FakeSource, envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_core.envelope import Envelope


async def read_slowly(_options: ChannelSettings, _selection: Selection) -> AsyncIterator[Envelope]:
    for _ in range(5):
        await asyncio.sleep(0)
    yield envelope("a")


def slow_reading() -> Reading:
    plugin = BackplanePlugin(
        type="slow",
        options=ChannelSettings,
        open=FakeSource([]).source().plugin.open,
        read=read_slowly,
        features=Features(readable=True, durable=True),
    )
    return Reading(Source("slow", plugin, ChannelSettings()), Selection(), print)


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "patience", "expected"),
    [
        (True, 0.0, "Nothing yet; still reading.\n"),
        (False, 0.0, ""),
        (True, 60.0, ""),
    ],
)
async def test_waiting_is_told_once_and_to_a_person_only(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool, patience: float, expected: str
) -> None:
    """Given a slow source, When patience is over, Then a terminal is told, nobody else."""
    said = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(_tail, "PATIENCE", patience)

    await _tail._Tail(slow_reading(), EventLines()).run(1, NOON, follow=False)

    assert said.getvalue() == expected
