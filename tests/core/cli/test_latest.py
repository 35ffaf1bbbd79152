"""The latest events of a source are found without reading all that was before them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from experimentframework_core.cli._latest import Latest, latest
from experimentframework_core.plugin import Selection
from tests.core._sources import FakeSource, envelope

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(**age: float) -> datetime:
    return NOW - timedelta(**age)


def test_the_latest_are_kept_in_order_of_time() -> None:
    """Given events in any order, When more come than are kept, Then the earliest go."""
    kept = Latest(3)

    for minutes in (5, 1, 9, 3, 7):
        kept.add(envelope(str(minutes), ago(minutes=minutes)))

    assert [each.event_id for each in kept] == ["5", "3", "1"]


def test_of_one_time_the_last_that_came_stays() -> None:
    """Given events of one time, When more come than are kept, Then the first that came goes."""
    kept = Latest(2)

    for name in "abc":
        kept.add(envelope(name, NOW))

    assert [each.event_id for each in kept] == ["b", "c"]


async def test_only_as_far_back_as_needed_is_read() -> None:
    """Given enough events of the last day, When so many are wanted, Then no more is read."""
    source = FakeSource([envelope(f"e-{hours}", ago(hours=hours)) for hours in (900, 20, 10, 2)])

    found = await latest(source.reading(), 2, NOW)

    assert [each.event_id for each in found] == ["e-10", "e-2"]
    assert [each.since for each in source.asked] == [ago(minutes=1), ago(hours=1), ago(days=1)]


async def test_everything_is_read_where_there_is_too_little() -> None:
    """Given too few events, When more are wanted, Then in the end all there are come."""
    source = FakeSource([envelope("old", ago(days=900))])

    found = await latest(source.reading(), 2, NOW)

    assert [each.event_id for each in found] == ["old"]
    assert [each.since for each in source.asked] == [
        ago(minutes=1),
        ago(hours=1),
        ago(days=1),
        ago(days=30),
        None,
    ]


async def test_a_reading_with_a_beginning_is_read_once() -> None:
    """Given a time to begin at, When the latest are wanted, Then nothing before it is read."""
    source = FakeSource([envelope("old", ago(days=9)), envelope("new", ago(days=7))])

    found = await latest(source.reading(Selection(since=ago(days=8))), 5, NOW)

    assert [each.event_id for each in found] == ["new"]
    assert [each.since for each in source.asked] == [ago(days=8)]


async def test_a_source_that_finds_no_times_is_read_once() -> None:
    """Given a source that reads all to find a time, When the latest are wanted, Then it does."""
    source = FakeSource([envelope("old", ago(days=900)), envelope("new", ago(hours=2))])
    source.finds_times = False

    found = await latest(source.reading(), 1, NOW)

    assert [each.event_id for each in found] == ["new"]
    assert [each.since for each in source.asked] == [None]


async def test_none_moves_to_the_end() -> None:
    """Given events, When none of them is wanted, Then the reading stands behind them all."""
    source = FakeSource([envelope("a", ago(days=9)), envelope("b", NOW)])
    reading = source.reading()

    found = await latest(reading, 0, NOW)

    assert list(found) == []
    assert reading.checkpoint == "2"
    assert len(source.asked) == 1


async def test_none_moves_to_the_end_of_a_source_that_counts_what_it_gives() -> None:
    """Given a checkpoint that moves with what is given, When none is wanted, Then it moves."""
    source = FakeSource([envelope("a", ago(days=9)), envelope("b", ago(days=8))])
    source.counts_all = False
    reading = source.reading()

    found = await latest(reading, 0, NOW)

    assert list(found) == []
    assert reading.checkpoint == "2"
