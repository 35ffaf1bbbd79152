"""Records that a destination refuses: isolated, dead-lettered with their story, no one's burden."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core.errors import (
    DeliveryError,
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.status import HealthStatus
from experimentframework_core.testing import FaultyBackplane, Sink, fail, refuse
from tests.core._channels import LettersInMemory, ids, make, make_many

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.envelope import Record
    from tests.core.channel.conftest import Workshop


def named(*names: object) -> Callable[[Record], bool]:
    wanted = set(map(str, names))
    return lambda record: record.event_id in wanted


def letter_ids(letters: LettersInMemory) -> list[str]:
    return [letter.event_id for letter in letters.letters]


async def test_a_refused_record_is_isolated(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given one bad record of 500, then it is dead-lettered, the rest delivered once, in order."""
    sink = Sink()
    faulty = FaultyBackplane(inner=sink, afterwards=refuse(named(321)))
    channel = open_channel(faulty)
    for number in range(500):
        channel.offer(make(number))

    await channel.flush(None)

    assert letter_ids(letters) == ["321"]
    assert ids(sink.records) == [str(number) for number in range(500) if number != 321]
    assert len(faulty.calls) <= 21


async def test_a_dead_letter_tells_its_story(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given a record that is refused after a failure, then reason, attempts and times are kept."""
    reason = PermanentError("field 'x' is too long")
    faulty = FaultyBackplane([fail(TransientError("busy", retry_after=20)), fail(reason)])
    channel = open_channel(faulty)
    record = make("bad")
    channel.offer(record)

    await channel.flush(None)

    (letter,) = letters.letters
    assert (letter.event_id, letter.backplane, letter.reason) == ("bad", "faulty", "refused")
    assert (letter.error, letter.error_class) == ("field 'x' is too long", "PermanentError")
    assert (letter.body, letter.event_type, letter.experiment) == (
        record.body,
        "exposure",
        "checkout",
    )
    assert letter.attempts == 2
    assert (letter.last_at - letter.first_at).total_seconds() == pytest.approx(20)
    assert letter.traceback is None
    assert channel.health().status is HealthStatus.HEALTHY


async def test_who_waits_for_a_refused_record_is_told(open_channel: Workshop) -> None:
    """Given awaited acknowledgements, then the refused one fails and the other is fulfilled."""
    channel = open_channel(FaultyBackplane(afterwards=refuse(named("bad"))))
    acks = {name: channel.ack(name) for name in ("good", "bad")}
    for name in acks:
        channel.offer(make(name))

    await channel.flush(None)

    assert acks["good"].result() is None
    with pytest.raises(DeliveryError, match="bad was dead-lettered"):
        acks["bad"].result()


async def test_two_may_wait_for_the_same_event(open_channel: Workshop) -> None:
    """Given an event published twice, then both callers get their acknowledgement."""
    channel = open_channel(FaultyBackplane())
    acks = [channel.ack("same"), channel.ack("same")]
    for _ in acks:
        channel.offer(make("same"))

    await channel.flush(None)

    assert [ack.done() and not ack.cancelled() for ack in acks] == [True, True]


async def test_only_named_indexes_fail(open_channel: Workshop, letters: LettersInMemory) -> None:
    """Given a partial failure, then named records are refused or retried, the others delivered."""
    sink = Sink()
    mixed = {1: PermanentError("bad"), 3: TransientError("later", retry_after=7)}
    faulty = FaultyBackplane([partly(mixed)], inner=sink)
    channel = open_channel(faulty)
    for name in "abcde":
        channel.offer(make(name, key=name))

    await channel.flush(None)

    assert [ids(call.batch) for call in faulty.calls] == [list("abcde"), ["d"]]
    assert faulty.calls[1].at - faulty.calls[0].at == pytest.approx(7)
    assert letter_ids(letters) == ["b"]
    assert ids(sink.records) == list("aced")


async def test_a_parked_key_keeps_its_order_and_holds_up_no_other(open_channel: Workshop) -> None:
    """Given a key that fails for now, when more of it comes, then it waits; other keys do not."""
    sink = Sink()
    faulty = FaultyBackplane(
        [partly({0: TransientError("leaderless", retry_after=60)})], inner=sink, afterwards=passes
    )
    channel = open_channel(faulty, batch_size=2)
    channel.offer(make("k1", "stuck"))
    channel.offer(make("x1", "free"))
    await asyncio.sleep(1)

    for name, key in (("k2", "stuck"), ("x2", "free"), ("k3", "stuck"), ("x3", "free")):
        channel.offer(make(name, key))
    await asyncio.sleep(5)
    early = ids(sink.records)
    await channel.flush(None)

    assert early == ["x1", "x2", "x3"]
    assert ids(sink.records) == ["x1", "x2", "x3", "k1", "k2", "k3"]


async def test_new_failures_do_not_postpone_parked_records(open_channel: Workshop) -> None:
    """Given a record that waits, when others fail again and again, then it has its turn in time."""
    sink = Sink()
    throttled = partly({0: TransientError("throttled", retry_after=10)})
    faulty = FaultyBackplane([throttled] * 20, inner=sink)
    channel = open_channel(faulty, batch_size=1)

    for number in range(15):
        channel.offer(make(number, key=str(number)))
        await asyncio.sleep(1)
    times = [call.at for call in faulty.calls if ids(call.batch) == ["0"]]

    assert times[1] - times[0] == pytest.approx(10)
    await channel.flush(None)


async def test_a_record_that_fails_for_now_is_tried_less_and_less_often(
    open_channel: Workshop,
) -> None:
    """Given one record that always fails for now, when an hour passes, then waits have grown."""
    faulty = FaultyBackplane(afterwards=refuse(named("a"), TransientError("later"), partially=True))
    channel = open_channel(faulty)
    channel.offer(make("a"))

    await asyncio.sleep(3600)

    assert len(faulty.calls) < 140
    assert channel.statistics().buffered == 1


async def test_max_attempts(open_channel: Workshop, letters: LettersInMemory) -> None:
    """Given maxAttempts 3, when a record is refused for now each time, then it is given up."""
    always = refuse(named("a"), TransientError("not yet"), partially=True)
    faulty = FaultyBackplane(afterwards=always)
    channel = open_channel(faulty, retry={"max_attempts": 3})
    for name in "ab":
        channel.offer(make(name, key=name))

    await channel.flush(None)

    (letter,) = letters.letters
    assert (letter.event_id, letter.reason, letter.attempts) == ("a", "attempts", 3)
    assert letter.error == "not yet"
    assert channel.statistics().delivered == 1


async def test_max_attempts_spares_those_behind(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given an ordered backplane that stops a key at its first failure, then only that is worn."""
    sink = Sink()
    faulty = FaultyBackplane([partly({0: TransientError("no"), 1: TransientError("order")})] * 2)
    faulty.inner = sink
    channel = open_channel(faulty, retry={"max_attempts": 2})
    for name in "ab":
        channel.offer(make(name))

    await channel.flush(None)

    assert (letter_ids(letters), ids(sink.records)) == (["a"], ["b"])


async def test_max_attempts_spares_what_the_destination_refuses_us(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given one topic that is missing, then its records stay, and health is unhealthy."""
    missing = refuse(named("a"), UnavailableError("no topic"), partially=True)
    channel = open_channel(FaultyBackplane(afterwards=missing), retry={"max_attempts": 2})
    for name in "ab":
        channel.offer(make(name, key=name))

    result = await channel.flush(600)

    assert (result.delivered, result.remaining, letters.letters) == (1, 1, [])
    assert channel.health().status is HealthStatus.UNHEALTHY


async def test_on_failure_drop(open_channel: Workshop, letters: LettersInMemory) -> None:
    """Given onFailure drop, when a record is refused, then it is counted and nowhere written."""
    channel = open_channel(FaultyBackplane(afterwards=refuse(named("b"))), on_failure="drop")
    for name in "abc":
        channel.offer(make(name))

    await channel.flush(None)

    statistics = channel.statistics()
    assert (statistics.delivered, statistics.dropped) == (2, {"refused": 1})
    assert letters.attempts == 0


LIES: list[Any] = [
    pytest.param({}, id="nothing named"),
    pytest.param({3: PermanentError("x")}, id="index behind the batch"),
    pytest.param({-1: PermanentError("x")}, id="negative index"),
    pytest.param({"0": PermanentError("x")}, id="index as text"),
    pytest.param({0.5: PermanentError("x")}, id="index as fraction"),
    pytest.param({0: ValueError("x")}, id="reason of another kind"),
    pytest.param({0: None}, id="no reason"),
    pytest.param({0: PermanentError("x"), 9: TransientError("y")}, id="one true, one a lie"),
]


@pytest.mark.parametrize("failures", LIES)
async def test_a_lie_about_failures_is_a_plugin_bug(
    open_channel: Workshop, letters: LettersInMemory, failures: Any
) -> None:
    """Given a partial failure that cannot be true, then three tries, then isolation, no loss."""
    faulty = FaultyBackplane([fail(PartialBatchError(failures))] * 3)
    channel = open_channel(faulty)
    for name in "abc":
        channel.offer(make(name))

    await channel.flush(None)

    assert [ids(call.batch) for call in faulty.calls[:3]] == [list("abc")] * 3
    assert (channel.statistics().delivered, letters.letters) == (3, [])


class Awkward(Exception):  # noqa: N818 - not an error of ours
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


class NotAnException(BaseException):
    """Passes every ``except Exception``."""


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bug"),
        KeyError("missing"),
        StopAsyncIteration(),
        TimeoutError(),
        Awkward(),
        NotAnException("out"),
        ExceptionGroup("several", [ValueError("one"), OSError("two")]),
        ValueError("lone \ud800 surrogate"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_plugin_raises(
    open_channel: Workshop, letters: LettersInMemory, error: BaseException
) -> None:
    """Given a plugin that raises, then three tries, then a dead letter with the traceback."""
    sink = Sink()
    channel = open_channel(FaultyBackplane(inner=sink, afterwards=breaks_at("c", error)))
    for name in "abcde":
        channel.offer(make(name))

    await channel.flush(None)

    (letter,) = letters.letters
    assert (letter.event_id, letter.reason) == ("c", "plugin_error")
    assert letter.attempts >= 3
    assert type(error).__name__ in (letter.traceback or "")
    assert (letter.error + (letter.traceback or "")).encode()
    assert ids(sink.records) == list("abde")


async def test_a_plugin_bug_is_tried_three_times(open_channel: Workshop) -> None:
    """Given a plugin that fails twice, when the third try works, then nothing is given up."""
    faulty = FaultyBackplane([fail(RuntimeError("bug"))] * 2)
    channel = open_channel(faulty)
    channel.offer(make("a"))

    await channel.flush(None)

    assert (len(faulty.calls), channel.statistics().delivered) == (3, 1)


async def test_a_plugin_that_cancels_itself_is_tried_again(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given a plugin that raises CancelledError, then it counts as not confirmed."""
    faulty = FaultyBackplane([fail(asyncio.CancelledError())] * 4)
    channel = open_channel(faulty)
    channel.offer(make("a"))

    await channel.flush(None)

    assert (channel.statistics().delivered, letters.letters) == (1, [])


async def test_a_plugin_that_is_not_async_is_a_bug(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given a deliver that returns no coroutine, then its records are dead-lettered."""
    channel = open_channel(NotAsync())
    channel.offer(make("a"))

    await channel.flush(None)

    assert [letter.error_class for letter in letters.letters] == ["TypeError"]


class NotAsync:
    def deliver(self, batch: object) -> Any:
        return None


async def test_dead_letters_wait_until_they_can_be_written(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given a store that fails, then letters stay buffered, health says so, later all is well."""
    letters.failure = OSError(28, "No space left on device")
    channel = open_channel(FaultyBackplane(afterwards=refuse(named("bad"))))
    for name in ("good", "bad"):
        channel.offer(make(name))

    result = await channel.flush(60)
    sick = channel.health()
    statistics = channel.statistics()
    letters.failure = None
    await channel.flush(None)

    assert (result.remaining, result.timed_out) == (1, True)
    assert sick.status is HealthStatus.UNHEALTHY
    assert "No space left on device" in sick.description
    assert (statistics.delivered, statistics.dead_lettered, statistics.buffered) == (1, 0, 1)
    assert letters.attempts <= 63
    assert letter_ids(letters) == ["bad"]
    assert channel.health().status is HealthStatus.HEALTHY


async def test_others_are_delivered_while_dead_letters_wait(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given a store that fails, when good records come, then they are delivered."""
    letters.failure = OSError("read-only")
    sink = Sink()
    channel = open_channel(FaultyBackplane(inner=sink, afterwards=refuse(named("bad"))))
    channel.offer(make("bad"))
    await asyncio.sleep(5)

    for record in make_many("abc"):
        channel.offer(record)
    await asyncio.sleep(5)

    assert ids(sink.records) == list("abc")


async def test_letters_that_cannot_be_written_are_lost_at_the_end(
    open_channel: Workshop, letters: LettersInMemory
) -> None:
    """Given a store that never heals, when the channel closes, then the loss is counted."""
    letters.failure = OSError("read-only")
    channel = open_channel(FaultyBackplane(afterwards=refuse(named("bad"))))
    channel.offer(make("bad"))

    result = await channel.close(5)

    assert (result.remaining, result.timed_out) == (1, True)
    assert channel.statistics().dropped == {"shutdown": 1}


def partly(failures: dict[int, Any]) -> Any:
    async def fault(inner: Any, batch: Any) -> None:
        await inner.deliver([each for index, each in enumerate(batch) if index not in failures])
        raise PartialBatchError(failures)

    return fault


async def passes(inner: Any, batch: Any) -> None:
    await inner.deliver(batch)


def breaks_at(name: str, error: BaseException) -> Any:
    async def fault(inner: Any, batch: Any) -> None:
        if name in ids(batch):
            raise error
        await inner.deliver(batch)

    return fault
