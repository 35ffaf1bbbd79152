"""Channels on a loop with virtual time, whose accounts are checked after every test."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._channel.channel import Channel
from experimentframework_core.testing import FaultyBackplane
from tests.core._channels import LettersInMemory, configure, is_balanced, key_of
from tests.core._virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable

    from experimentframework_core._channel.lane import Opener
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane, ChannelSettings, OpenContext


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test of this folder in virtual time."""
    return {"virtual": VirtualTimeLoop}


@pytest.fixture
def letters() -> LettersInMemory:
    return LettersInMemory()


class Workshop:
    """Makes started channels."""

    def __init__(self, letters: LettersInMemory) -> None:
        self._letters = letters

    def __call__(
        self,
        backplane: Backplane,
        *,
        draw: Callable[[], float] = lambda: 1.0,
        key: Callable[[Record], str] = key_of,
        started: bool = True,
        **settings: Any,
    ) -> Channel:
        """Return a channel before ``backplane``; jitter draws the longest waits."""
        config = configure(**settings)
        kept = None if config.on_failure == "drop" else self._letters
        opener = open_as(backplane)
        channel = Channel(config, opener=opener, key=key, dead_letters=kept, draw=draw)
        if started:
            channel.start()
        return channel


def open_as(backplane: Backplane) -> Opener:
    if isinstance(backplane, FaultyBackplane):
        return opener_of(backplane.plugin())

    @asynccontextmanager
    async def opener(context: OpenContext) -> AsyncIterator[Backplane]:
        yield backplane

    return opener


def opener_of(plugin: Any) -> Opener:
    options: ChannelSettings = plugin.options()
    return lambda context: plugin.open(options, context)


@pytest.fixture(autouse=True)
async def every_event_has_one_fate(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Check the accounts of every channel that was started, before and after its closing."""
    started: list[Channel] = []
    start = Channel.start

    def remember(channel: Channel) -> None:
        started.append(channel)
        start(channel)

    monkeypatch.setattr(Channel, "start", remember)
    yield
    for channel in started:
        assert is_balanced(channel.statistics())
        await channel.close(1)
        after = channel.statistics()
        assert is_balanced(after)
        assert (after.buffered, after.buffered_bytes) == (0, 0)


@pytest.fixture
def open_channel(letters: LettersInMemory) -> Workshop:
    return Workshop(letters)
