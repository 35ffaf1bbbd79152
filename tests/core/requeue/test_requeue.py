"""Dead letters back on their way: removed when they are delivered, kept when they are not."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import PermanentError, TransientError
from experimentframework_core._plane.setup import resolve
from experimentframework_core._requeue.requeue import REMOVE_AT_ONCE, Requeue
from experimentframework_core._requeue.way import Fates
from experimentframework_core.deadletter import LetterFilter, SqliteDeadLetterStore
from experimentframework_core.testing import FaultyBackplane, Hang, deliver, fail, refuse
from tests.core._planes import Backplanes, options, sunk
from tests.core.letters._letters import NOON, ids_in, make_letter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EVERY = LetterFilter()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteDeadLetterStore]:
    async with SqliteDeadLetterStore(tmp_path / "letters.db") as store:
        yield store


@asynccontextmanager
async def requeuing(
    *, to: str | None = None, settings: dict[str, Any] | None = None, **backplanes: FaultyBackplane
) -> AsyncIterator[Requeue]:
    """Yield a requeuing to these backplanes; it is closed, in time, at the end."""
    named = Backplanes(**backplanes)
    made = options(backplane=named.group("composite"), flush_interval_ms=1, **(settings or {}))
    _, destinations = resolve(made, named.plugin)
    requeue = Requeue(destinations, to=to)
    yield requeue
    await requeue.aclose(5)


async def test_a_delivered_letter_is_removed(store: SqliteDeadLetterStore) -> None:
    """Given letters, When they are published again, Then their bytes arrive and they are gone."""
    letters = [make_letter(f"e-{number}") for number in range(REMOVE_AT_ONCE + 20)]
    await store.write(letters)
    kafka = FaultyBackplane()

    async with requeuing(kafka=kafka) as requeue:
        await requeue.take(store, EVERY)

    assert [record.body for record in sunk(kafka)] == [letter.body for letter in letters]
    assert requeue.fates == {"kafka": Fates(recovered=520, delivered=520)}
    assert await store.count() == 0


async def test_each_letter_goes_to_its_own_backplane(store: SqliteDeadLetterStore) -> None:
    """Given letters of two backplanes, Then each gets its own, and a third one is not opened."""
    await store.write([make_letter("a"), make_letter("b", backplane="store"), make_letter("c")])
    kafka, other, idle = FaultyBackplane(), FaultyBackplane(), FaultyBackplane()

    async with requeuing(kafka=kafka, store=other, idle=idle) as requeue:
        await requeue.take(store, LetterFilter(ids=("a", "b")))

    assert [record.event_id for record in sunk(kafka)] == ["a"]
    assert [record.event_id for record in sunk(other)] == ["b"]
    assert idle.calls == []
    assert await ids_in(store) == ["c"]


async def test_all_may_go_to_one(store: SqliteDeadLetterStore) -> None:
    """Given one event that two backplanes refused, When one gets all, Then both letters go."""
    await store.write([make_letter("a"), make_letter("a", backplane="store"), make_letter("b")])
    other = FaultyBackplane()

    async with requeuing(other=other, to="other") as requeue:
        await requeue.take(store, EVERY)

    assert {record.event_id for record in sunk(other)} == {"a", "b"}
    assert requeue.fates == {"other": Fates(recovered=3, delivered=3)}
    assert await store.count() == 0


async def test_what_is_refused_again_keeps_its_story(store: SqliteDeadLetterStore) -> None:
    """Given a letter, When it is refused again, Then the story goes on; nothing else is lost."""
    hour = timedelta(hours=1)
    await store.write(
        [make_letter("a", attempts=4, last_at=NOON + hour, origin="/a"), make_letter("b")]
    )
    bad = refuse(lambda record: record.event_id == "a", PermanentError("still too large"))
    kafka = FaultyBackplane(afterwards=bad)

    async with requeuing(kafka=kafka) as requeue:
        await requeue.take(store, EVERY)

    ((letter,),) = [[each.letter async for each in store.select()]]
    assert requeue.fates == {"kafka": Fates(recovered=2, delivered=1, refused=1)}
    assert (letter.event_id, letter.error, letter.first_at) == ("a", "still too large", NOON)
    assert (letter.attempts > 4, letter.origin) == (True, "/a")
    assert letter.last_at > NOON + hour
    assert letter.body == make_letter("a").body


async def test_another_one_s_refusal_stays_with_the_letter(store: SqliteDeadLetterStore) -> None:
    """Given a letter sent elsewhere, When that refuses it, Then it is still one letter."""
    await store.write([make_letter("a")])
    other = FaultyBackplane(afterwards=fail(PermanentError("not here")))

    async with requeuing(other=other, to="other") as requeue:
        await requeue.take(store, EVERY)

    letters = [each.letter async for each in store.select()]
    assert [(each.backplane, each.error) for each in letters] == [("kafka", "not here")]


@pytest.mark.parametrize("fault", [Hang(), fail(TransientError("down"))])
async def test_what_is_not_delivered_in_time_is_left(
    fault: Any, store: SqliteDeadLetterStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a destination that is down, When the time is over, Then the letters are as before."""
    letters = [make_letter("a"), make_letter("b")]
    await store.write(letters)
    named = Backplanes(kafka=FaultyBackplane(afterwards=fault))
    _, destinations = resolve(options(backplane=named.node("kafka")), named.plugin)
    requeue = Requeue(destinations)

    await requeue.take(store, EVERY)
    await requeue.aclose(0.05)

    assert requeue.fates == {"kafka": Fates(recovered=2, left=2)}
    assert [each.letter async for each in store.select()] == letters
    assert "events_lost" not in caplog.text


async def test_what_cannot_be_sent_is_counted_and_left(store: SqliteDeadLetterStore) -> None:
    """Given letters of a backplane that is gone, or that hold no event, Then they stay."""
    await store.write(
        [
            make_letter("a", backplane="gone"),
            make_letter("b", body=b"no event"),
            make_letter("c", body=b'{"eventId" : "c"}'),
        ]
    )

    async with requeuing(kafka=FaultyBackplane()) as requeue:
        await requeue.take(store, EVERY)

    assert (dict(requeue.unknown), dict(requeue.unreadable)) == ({"gone": 1}, {"kafka": 2})
    assert await store.count() == 3


async def test_no_journal_is_opened(store: SqliteDeadLetterStore, tmp_path: Path) -> None:
    """Given an old letter and limits for live events, Then it goes by memory, and never expires."""
    await store.write([make_letter("a")])
    kafka = FaultyBackplane([fail(TransientError("busy")), deliver])
    from experimentframework_core import BufferOptions, RetryOptions

    limits = {
        "buffer": BufferOptions(type="disk", path=str(tmp_path / "spool")),
        "retry": RetryOptions(max_age_ms=1, initial_delay_ms=5),
    }

    async with requeuing(kafka=kafka, settings=limits) as requeue:
        await requeue.take(store, EVERY)

    assert requeue.fates == {"kafka": Fates(recovered=1, delivered=1)}
    assert not (tmp_path / "spool").exists()
