"""A source is read past what is no event, and on after a failure while it is followed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._reading.reading import Reading
from experimentframework_core._reading.source import Source
from experimentframework_core.errors import ReplayError, TransientError, UnavailableError
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Features, Selection
from tests.core._sources import FakeSource, envelope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from experimentframework_core.envelope import Envelope


async def ids(envelopes: AsyncGenerator[Envelope, None]) -> list[str]:
    async with aclosing(envelopes):
        return [each.event_id async for each in envelopes]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that are waited for, without waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited


async def test_what_is_no_event_is_left_out() -> None:
    """Given something that is no event, When all is read, Then it is told and the rest comes."""
    source = FakeSource([envelope("a"), ReplayError("row 2 is none"), envelope("c")])
    reading = source.reading()

    found = await ids(reading.stored())

    assert found == ["a", "c"]
    assert source.told == ["Left out: row 2 is none"]
    assert (reading.unreadable, reading.checkpoint) == (1, "3")


async def test_what_retention_took_away_is_counted_apart() -> None:
    """Given events are gone, When the rest is read, Then it is told, and their number is lost."""
    gone = ReplayError("the rows 2 to 8 are gone", lost=7)
    source = FakeSource([envelope("a"), gone, ReplayError("row 9 is none"), envelope("c")])
    reading = source.reading()

    found = await ids(reading.stored())

    assert found == ["a", "c"]
    assert (reading.lost, reading.unreadable) == (7, 1)
    assert source.told == ["Left out: the rows 2 to 8 are gone", "Left out: row 9 is none"]


async def test_a_reader_that_goes_on_by_itself_is_not_opened_again() -> None:
    """Given a reader goes on behind what is no event, Then only its end is looked at once more."""
    source = FakeSource([ReplayError(f"row {number}") for number in range(30)])
    source.goes_on = True
    reading = source.reading()

    await ids(reading.stored())

    assert reading.unreadable == 30
    assert len(source.asked) == 2


async def test_of_many_that_are_none_twenty_are_told_and_all_counted() -> None:
    """Given 30 that are no events, When they are read twice, Then 20 are told, once."""
    source = FakeSource([ReplayError(f"row {number}") for number in range(30)])
    reading = source.reading()

    await ids(reading.stored())
    await ids(reading.stored())

    assert source.told == [f"Left out: row {number}" for number in range(20)]
    assert reading.unreadable == 30


async def test_what_cannot_be_passed_is_an_error() -> None:
    """Given an error that leaves the position, When it is met, Then it is raised, not repeated."""
    gone = ReplayError("the topic was made anew")
    source = FakeSource([envelope("a"), gone], passing=[gone])

    with pytest.raises(ReplayError, match="made anew"):
        await ids(source.reading().stored())


async def test_a_failure_before_it_follows_is_an_error() -> None:
    """Given a failure, When what is stored is read, Then it is raised, and the reader closed."""
    down = TransientError("no broker answers")
    source = FakeSource([down], passing=[down])

    with pytest.raises(TransientError):
        await ids(source.reading().stored())

    assert source.closed == 1


async def test_a_failure_while_it_follows_is_told_and_waited_for(waits: list[float]) -> None:
    """Given failures, When it follows, Then each is told, waits are longer, nothing is lost."""
    failures = [TransientError("no answer"), UnavailableError("refused"), TransientError("again")]
    held: list[Envelope | Exception] = [
        envelope("a"),
        failures[0],
        failures[1],
        envelope("b"),
        failures[2],
        envelope("c"),
    ]
    source = FakeSource(held, passing=failures)

    found = await ids(source.reading().coming())

    assert found == ["a", "b", "c"]
    assert waits == [1.0, 2.0, 1.0]
    assert source.told == [
        "no answer; trying again in 1 s",
        "refused; trying again in 2 s",
        "again; trying again in 1 s",
    ]
    assert all(each.follow for each in source.asked)


async def test_it_goes_on_behind_what_was_stored() -> None:
    """Given what is stored was read, When it follows, Then only what came since is given."""
    source = FakeSource([envelope("a"), envelope("b")])
    reading = source.reading()
    async with aclosing(reading.stored()) as stored:
        await anext(stored)
        await anext(stored)
    source.held.append(envelope("c"))

    assert await ids(reading.coming()) == ["c"]


async def test_a_source_without_positions_cannot_go_on() -> None:
    """Given a reader that says no positions, When it fails, Then what came is not read again."""

    async def read(_options: ChannelSettings, _selection: Selection) -> AsyncIterator[Envelope]:
        yield envelope("a")
        raise TransientError("no answer")

    plugin = BackplanePlugin(
        type="plain",
        options=ChannelSettings,
        open=FakeSource([]).source().plugin.open,
        read=read,
        features=Features(readable=True, durable=True),
    )
    reading = Reading(Source("plain", plugin, ChannelSettings()), Selection(), print)

    with pytest.raises(TransientError):
        await ids(reading.coming())

    assert not reading.has_positions
    assert reading.checkpoint is None
