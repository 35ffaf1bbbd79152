"""Each event once: what is remembered, for how long, and when an event counts as handled."""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core import SeenEvents, deduplicate
from experimentframework_core.testing import make_records

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

    from experimentframework_core.envelope import Record

MINUTE = timedelta(minutes=1)
ANYTHING: list[Any] = [5, 1.5]
IDS = st.sampled_from(["a", "b", "c", "A", "", "x" * 1000, "0197-Ä"])
STEPS = st.lists(st.tuples(IDS, st.integers(0, 40)), max_size=60)


class Clock:
    """Tells the time that the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(steps=STEPS, most=st.integers(1, 5))
def test_what_is_remembered_is_what_a_list_would(
    steps: Sequence[tuple[str, int]], most: int
) -> None:
    """Given ids over time, When each is added, Then a plain list of ids and times says the same."""
    clock = Clock()
    seen = SeenEvents(MINUTE, most=most, now=clock)
    model: list[tuple[str, float]] = []
    forgotten = 0

    for event_id, pause in steps:
        clock.now += pause
        model = [each for each in model if clock.now - each[1] < 60]
        known = [each for each, _ in model]
        assert (event_id in seen, len(seen)) == (event_id in known, len(known))
        assert seen.add(event_id) == (event_id not in known)
        if event_id not in known:
            forgotten += len(model) == most
            model = [*model, (event_id, clock.now)][-most:]

    assert (seen.forgotten, len(seen)) == (forgotten, len(model))


@pytest.mark.parametrize(("window", "most"), [(timedelta(0), 1), (-MINUTE, 1), (MINUTE, 0)])
def test_bounds_are_above_nothing(window: timedelta, most: int) -> None:
    """Given no time or no room, When it is made, Then that is an error."""
    with pytest.raises(ValueError, match="must be above 0"):
        SeenEvents(window, most=most)


class Coming:
    """Events as they come; remembers whether it was closed."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.closed = False
        self._records = iter(records)

    def __aiter__(self) -> AsyncIterator[Record]:
        return self

    async def __anext__(self) -> Record:
        for record in self._records:
            return record
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


async def taken(events: AsyncGenerator[Record, None]) -> list[Record]:
    return [record async for record in events]


async def test_each_event_is_given_once() -> None:
    """Given events that come again, When they are read, Then each comes once, in order."""
    a, b, c = make_records(3)
    coming = Coming([a, b, a, a, c, b])

    found = await taken(deduplicate(coming))

    assert found == [a, b, c]
    assert coming.closed


async def test_an_event_comes_again_when_its_time_is_over() -> None:
    """Given a window, When an event comes after it, Then it is given again, and not before."""
    clock = Clock()
    seen = SeenEvents(MINUTE, now=clock)
    (a,) = make_records(1)

    found = []
    for clock.now in (0, 59, 60, 61):
        found.append(len(await taken(deduplicate(Coming([a]), seen=seen))))

    assert found == [1, 0, 1, 0]


async def test_an_event_whose_handling_fails_is_not_taken_for_handled() -> None:
    """Given the handling of an event fails, When it comes again, Then it is given again."""
    seen = SeenEvents()
    a, b = make_records(2)
    handled = []

    async def handle(records: Sequence[Record], *, failing: Record | None = None) -> None:
        async with aclosing(deduplicate(Coming(records), seen=seen)) as events:
            async for record in events:
                if record is failing:
                    raise OSError("the database is away")
                handled.append(record)

    with pytest.raises(OSError, match="away"):
        await handle([a, b], failing=b)
    await handle([a, b])

    assert handled == [a, b]


async def test_leaving_early_closes_the_source() -> None:
    """Given somebody leaves the loop, When it is closed, Then the source is closed too."""
    coming = Coming(make_records(2))

    async with aclosing(deduplicate(coming)) as events:
        await anext(events)

    assert coming.closed


async def test_more_than_may_be_remembered_is_counted() -> None:
    """Given room for two, When a third comes, Then the oldest is forgotten, and that is told."""
    seen = SeenEvents(most=2)
    a, b, c = make_records(3)

    found = await taken(deduplicate(Coming([a, b, c, a, c]), seen=seen))

    assert found == [a, b, c, a]
    assert seen.forgotten == 2


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (lambda: SeenEvents(ANYTHING[0]), "window=5, most=1000000: expected a timedelta and"),
        (lambda: SeenEvents(most=ANYTHING[1]), "most=1.5: expected a timedelta and a whole number"),
        (lambda: SeenEvents().add(ANYTHING[0]), "5 is no event id: expected text"),
        (lambda: ANYTHING[0] in SeenEvents(), "5 is no event id: expected text"),
    ],
)
def test_what_is_of_another_type_is_told(use: Callable[[], object], says: str) -> None:
    """Given a value of a wrong type, When it is used, Then the error says what is expected."""
    with pytest.raises(TypeError, match=says):
        use()
