"""Events are received over the wire, and a consumer says what becomes of each."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from azure.servicebus import ServiceBusMessage

from experimentframework_core.errors import ConfigurationError, TransientError, UnavailableError
from experimentframework_core.testing import (
    make_exposure,
    make_outcome,
    make_record,
    make_records,
)
from experimentframework_servicebus import Consumer, ServiceBusOptions, receive
from tests.servicebus._wire import LEAKS, deliver, ids, options_of, send, stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_core.envelope import Record
    from experimentframework_servicebus import Received
    from experimentframework_servicebus._receiving.link import Link
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)

PATIENCE = 20
"""Seconds for which an event is waited for that comes, however busy the machine is."""


class _Link:
    """A link to which two events come when they are told to."""

    usable = True

    def __init__(self) -> None:
        self.asked, self.comes = asyncio.Event(), asyncio.Event()

    async def open(self) -> bool:
        return True

    async def take(self, _most: int, _wait: float, _end: float) -> list[str]:
        self.asked.set()
        await self.comes.wait()
        return ["first", "second"]


def names(received: Iterable[Received]) -> list[str]:
    """Return the ids of the events, or nothing where there is none."""
    return [each.envelope.event_id if each.envelope else "" for each in received]


async def some(events: Consumer, number: int) -> list[Received]:
    """Return the next events."""
    return [await anext(events) for _ in range(number)]


def consume_and_kill(peer: ServiceBusPeer, queue: str) -> bytes:
    """Run a consumer in a process until it has received, kill it, and return what it said."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.servicebus._consumer", peer.connection_string(), queue],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
    ) as consumer:
        assert consumer.stdout is not None
        said = consumer.stdout.readline()
        consumer.kill()
    return said


@pytest.fixture
def sessions(peer: ServiceBusPeer, entity: str) -> ServiceBusOptions:
    """Return options of a queue with a session for each subject."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True))
    return options_of(peer, entity, enable_sessions=True, session_strategy="subjectId")


def of_subjects(*subjects: str) -> list[Record]:
    """Return exposures of subjects."""
    return [make_record(make_exposure(subject_id=subject)) for subject in subjects]


async def test_what_is_completed_is_gone(peer: ServiceBusPeer, queue: str) -> None:
    """Given three events, When they are received and two completed, Then the third is left."""
    options, records = options_of(peer, queue), make_records(3)
    await deliver(options, records)

    async with receive(options, max_wait=PATIENCE) as events:
        received = await some(events, 3)
        await received[0].complete()
        await received[1].complete()

    assert names(received) == ids(records)
    assert stored(peer, queue) == [records[2].event_id]


async def test_what_is_abandoned_comes_again_at_once(peer: ServiceBusPeer, queue: str) -> None:
    """Given an event, When it is abandoned, Then it is the next, delivered once more."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        first = await anext(events)
        await first.abandon()
        again = await anext(events)

    assert again.body == first.body
    assert (first.deliveries, again.deliveries) == (0, 1)


async def test_a_dead_letter_keeps_its_reason(peer: ServiceBusPeer, queue: str) -> None:
    """Given an event, When it is put among the dead letters, Then they say why, not too long."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        await (await anext(events)).dead_letter("UnknownExperiment", "x" * 5000)

    (dead,) = peer.messages(f"{queue}/$DeadLetterQueue")
    assert (dead.reason, dead.description) == ("UnknownExperiment", "x" * 4096)
    assert stored(peer, queue) == []


async def test_a_consumer_that_was_killed_gets_them_again(peer: ServiceBusPeer, queue: str) -> None:
    """Given a consumer killed between receive and complete, When locks are over, Then they come."""
    options, records = options_of(peer, queue), make_records(4)
    await deliver(options, records)
    assert consume_and_kill(peer, queue) == b"3\n"
    peer.put_forward(31)

    async with receive(options, max_wait=PATIENCE) as events:
        received = await some(events, 3)

    assert sorted(names(received)) == sorted(ids(records[1:]))
    assert sorted(each.deliveries for each in received) == [0, 1, 1]


async def test_sessions_come_one_after_another_each_in_order(
    peer: ServiceBusPeer, sessions: ServiceBusOptions
) -> None:
    """Given events of two sessions by turns, When they are received, Then each is in order."""
    records = of_subjects("a", "b", "a", "b", "a")
    await deliver(sessions, records)

    async with receive(sessions, max_wait=PATIENCE) as events:
        received = []
        for _ in records:
            received.append(await anext(events))
            await received[-1].complete()

    assert [each.session for each in received] == ["a", "a", "a", "b", "b"]
    assert names(received) == ids([records[index] for index in (0, 2, 4, 1, 3)])
    assert stored(peer, str(sessions.queue_name)) == []


async def test_two_consumers_share_the_sessions(sessions: ServiceBusOptions) -> None:
    """Given two consumers, When one has a session, Then the other gets the other one."""
    await deliver(sessions, of_subjects("a", "a", "b", "b"))

    async with (
        receive(sessions, max_wait=PATIENCE) as some,
        receive(sessions, max_wait=PATIENCE) as others,
    ):
        first, other = await anext(some), await anext(others)
        second, another = await anext(some), await anext(others)

    assert {first.session, other.session} == {"a", "b"}
    assert (first.session, other.session) == (second.session, another.session)


async def test_a_session_can_be_chosen(sessions: ServiceBusOptions) -> None:
    """Given two sessions, When one is asked for, Then only its events come."""
    records = of_subjects("a", "b", "b")
    await deliver(sessions, records)

    async with receive(sessions, session="b", max_wait=PATIENCE) as events:
        received = await some(events, 2)

    assert names(received) == ids(records[1:])


async def test_a_session_that_somebody_has_is_told(
    sessions: ServiceBusOptions, entity: str
) -> None:
    """Given a session is taken, When it is asked for, Then that is for now."""
    await deliver(sessions, of_subjects("a"))

    async with (
        receive(sessions, max_wait=PATIENCE) as some,
        receive(sessions, session="a") as others,
    ):
        await anext(some)
        with pytest.raises(TransientError, match=f"'{entity}': somebody else has the session"):
            await anext(others)


async def test_no_session_is_no_event(sessions: ServiceBusOptions) -> None:
    """Given no session has events, When one is waited for, Then the wait ends in time."""
    async with receive(sessions, max_wait=1) as events:
        received = [each async for each in events]

    assert received == []


async def test_a_lost_lock_is_told(peer: ServiceBusPeer, queue: str) -> None:
    """Given a lock that is over, When the event is completed, Then it is told, and comes again."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.put_forward(31)
        with pytest.raises(TransientError) as raised:
            await received.complete()
        again = await anext(events)

    assert f"of '{queue}': its lock is lost, so it comes again" in str(raised.value)
    assert (again.body, again.deliveries) == (received.body, 1)


async def test_a_lost_session_is_told_and_comes_again(
    peer: ServiceBusPeer, sessions: ServiceBusOptions
) -> None:
    """Given a connection cut in a session, When it is gone on, Then all that is left comes."""
    records = of_subjects("a", "a")
    await deliver(sessions, records)

    async with receive(sessions, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.cut()
        with pytest.raises(TransientError, match="cannot complete message"):
            await received.complete()
        with pytest.raises(TransientError, match="cannot receive from"):
            await anext(events)
        again = await some(events, 2)

    assert names(again) == ids(records)


async def test_an_event_can_be_kept_for_longer(peer: ServiceBusPeer, queue: str) -> None:
    """Given a lock of 30 s, When it is renewed after 20, Then the event is kept after 40."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.put_forward(20)
        until = await received.renew_lock()
        peer.put_forward(20)
        await received.complete()

    assert (until - datetime.now(UTC)).total_seconds() > 20
    assert stored(peer, queue) == []


async def test_a_session_can_be_kept_for_longer(
    peer: ServiceBusPeer, sessions: ServiceBusOptions
) -> None:
    """Given a session of 30 s, When it is renewed after 20, Then it is kept after 40."""
    await deliver(sessions, of_subjects("a", "a"))

    async with receive(sessions, max_wait=PATIENCE) as events:
        received = await some(events, 2)
        peer.put_forward(20)
        await received[0].renew_lock()
        peer.put_forward(20)
        await events.complete(received)

    assert stored(peer, str(sessions.queue_name)) == []


async def test_what_is_no_event_is_handed_over(peer: ServiceBusPeer, queue: str) -> None:
    """Given a foreign message, When it is received, Then it says why, and stays if nobody acts."""
    options, (record,) = options_of(peer, queue), make_records(1)
    await send(peer, queue, ServiceBusMessage(b"not an event", subject="other"))
    await deliver(options, [record])

    async with receive(options, max_wait=PATIENCE) as events:
        foreign, event = await some(events, 2)
        await event.complete()

    assert foreign.envelope is None
    assert (foreign.body, foreign.message.subject) == (b"not an event", "other")
    assert event.problem is None
    assert foreign.problem is not None
    assert len(peer.messages(queue)) == 1


async def test_many_are_completed_together(peer: ServiceBusPeer, queue: str) -> None:
    """Given a batch of which one lock is lost, When it is completed, Then the others are gone."""
    options, records = options_of(peer, queue), make_records(600)
    await deliver(options, records)

    async with receive(options, max_wait=PATIENCE) as events:
        first = await events.batch(1)
        peer.put_forward(20)
        rest: list[Received] = []
        while batch := await events.batch(600 - 1 - len(rest)):
            rest += batch
            if len(rest) == 599:
                break
        peer.put_forward(11)
        with pytest.raises(TransientError, match=r"1 of 600 events are not completed; the first: "):
            await events.complete([*first, *rest])

    assert stored(peer, queue) == [records[0].event_id]


async def test_an_event_is_settled_once(peer: ServiceBusPeer, queue: str) -> None:
    """Given a completed event, When it is settled again, Then that is a mistake."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        await received.complete()
        with pytest.raises(RuntimeError, match=f"of '{queue}' is completed already"):
            await received.dead_letter("Again")


async def test_an_event_given_twice_is_a_mistake(peer: ServiceBusPeer, queue: str) -> None:
    """Given two events, When one is completed twice at once, Then nothing is done."""
    options, records = options_of(peer, queue), make_records(2)
    await deliver(options, records)

    async with receive(options, max_wait=PATIENCE) as events:
        first, second = await some(events, 2)
        with pytest.raises(RuntimeError, match="is given twice, or being settled already"):
            await events.complete([first, second, first])
        left = stored(peer, queue)
        await events.complete([first, second])

    assert left == ids(records)
    assert stored(peer, queue) == []


async def test_who_settles_at_the_same_time_is_told(peer: ServiceBusPeer, queue: str) -> None:
    """Given an event, When two settle it at once, Then the first does, and the link is good."""
    options = options_of(peer, queue)
    await deliver(options, make_records(2))

    async with receive(options, max_wait=PATIENCE) as events:
        first = await anext(events)
        outcomes = await asyncio.gather(
            first.complete(), first.complete(), first.abandon(), return_exceptions=True
        )
        await (await anext(events)).complete()

    assert [type(each) for each in outcomes] == [type(None), RuntimeError, RuntimeError]
    assert stored(peer, queue) == []


async def test_what_could_not_be_settled_can_be_tried_again(
    peer: ServiceBusPeer, queue: str
) -> None:
    """Given an event that could not be completed, When it is abandoned, Then that is tried."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))

    async with receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.put_forward(31)
        with pytest.raises(TransientError, match="cannot complete"):
            await received.complete()
        with pytest.raises(TransientError, match="cannot abandon"):
            await received.abandon()


async def test_cancelling_keeps_the_order_of_a_session(
    peer: ServiceBusPeer, sessions: ServiceBusOptions
) -> None:
    """Given a session, When waiting is cancelled often, Then its events come in order, all."""
    records = of_subjects(*["a"] * 60)
    await deliver(sessions, records)
    patience = cycle([0.0002, 0.0005, 0.001, 0.0015, 0.003])

    async with receive(sessions, session="a", max_wait=PATIENCE) as events:
        received = [await anext(events)]
        while len(received) < len(records):
            with suppress(TimeoutError):
                received.append(await asyncio.wait_for(anext(events), next(patience)))
                await received[-1].complete()
        await received[0].complete()

    assert names(received) == ids(records)
    assert stored(peer, str(sessions.queue_name)) == []


async def test_the_next_call_returns_what_a_cancelled_one_received() -> None:
    """Given a batch is cancelled, When two events come, Then the next calls return them."""
    link = _Link()
    options = ServiceBusOptions(queue_name="events")
    consumer = Consumer(lambda _: cast("Link", link), options, session=None, max_wait=None)
    waiting = asyncio.create_task(consumer.batch(2))
    await link.asked.wait()
    waiting.cancel()
    await asyncio.wait((waiting,))

    link.comes.set()
    batches: list[object] = [await consumer.batch(1), await consumer.batch(1)]

    assert batches == [["first"], ["second"]]


async def test_a_consumer_ends_with_its_block(peer: ServiceBusPeer, queue: str) -> None:
    """Given the block is left, When the next event is asked for, Then that is a mistake."""
    options = options_of(peer, queue)
    await deliver(options, make_records(1))
    async with receive(options, max_wait=PATIENCE) as events:
        pass

    with pytest.raises(RuntimeError, match="this consumer has ended"):
        await events.batch()
    with pytest.raises(RuntimeError, match="this consumer has ended"):
        await anext(events)


@pytest.mark.parametrize("max_wait", [1, None])
async def test_a_service_that_hangs_is_not_taken_for_an_empty_queue(
    peer: ServiceBusPeer, queue: str, max_wait: float | None
) -> None:
    """Given a service that hangs, When an event is waited for, Then it is told, not none."""
    options = options_of(peer, queue, send_timeout_ms=2_000)

    async with asyncio.timeout(PATIENCE), receive(options, max_wait=max_wait) as events:
        peer.hang()
        with pytest.raises(TransientError, match=f"from '{queue}': no answer in time"):
            await events.batch()


async def test_an_empty_queue_is_no_failure(peer: ServiceBusPeer, queue: str) -> None:
    """Given an empty queue, When an event is waited for, Then there is none, and one later."""
    options, records = options_of(peer, queue), make_records(1)

    async with receive(options, max_wait=0.5) as events:
        none = await events.batch()
        await deliver(options, records)
        one = await events.batch()

    assert (none, names(one)) == ([], ids(records))


async def test_a_cut_connection_is_told_and_gone_on_with(peer: ServiceBusPeer, queue: str) -> None:
    """Given a connection is cut, When events are received on, Then what came can be completed."""
    options, records = options_of(peer, queue), make_records(2)
    await deliver(options, records)

    async with receive(options, max_wait=PATIENCE) as events:
        first = await anext(events)
        peer.cut()
        with pytest.raises(TransientError, match=f"cannot receive from '{queue}': "):
            await anext(events)
        second = await anext(events)
        await events.complete([first, second])

    assert names([first, second]) == ids(records)
    assert stored(peer, queue) == []


async def test_a_service_that_hangs_holds_up_nobody(peer: ServiceBusPeer, queue: str) -> None:
    """Given a service that says nothing more, When it is completed and closed, Then both end."""
    options = options_of(peer, queue, send_timeout_ms=2_500)
    await deliver(options_of(peer, queue), make_records(1))

    async with asyncio.timeout(PATIENCE), receive(options, max_wait=PATIENCE) as events:
        received = await anext(events)
        peer.hang()
        with pytest.raises(TransientError, match="no answer in time"):
            await received.complete()


async def test_each_type_is_received_by_itself(own_peer: ServiceBusPeer) -> None:
    """Given queues of the types, When one type is received, Then only it comes."""
    for name in ("experiment-exposures", "experiment-outcomes"):
        own_peer.queue(name)
    options = options_of(own_peer, use_type_specific_destinations=True)
    exposure, outcome = make_record(make_exposure()), make_record(make_outcome())
    await deliver(options, [exposure, outcome])

    async with receive(options, event_type="outcome", max_wait=PATIENCE) as events:
        received = await some(events, 1)

    assert names(received) == [outcome.event_id]


async def test_what_is_missing_is_named(peer: ServiceBusPeer) -> None:
    """Given no such queue, When it is received from, Then the command that creates it is told."""
    with pytest.raises(UnavailableError, match=r"cannot receive from 'absent': .* --name absent "):
        await receive(options_of(peer, "absent")).__aenter__()


async def test_a_queue_with_sessions_says_so(peer: ServiceBusPeer, entity: str) -> None:
    """Given a queue that requires sessions, When they are off, Then the option is named."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True))

    with pytest.raises(UnavailableError, match="say enableSessions: true"):
        await receive(options_of(peer, entity)).__aenter__()


async def test_a_queue_without_sessions_says_so(peer: ServiceBusPeer, queue: str) -> None:
    """Given a queue without sessions, When they are on, Then the option is named."""
    async with receive(options_of(peer, queue, enable_sessions=True), max_wait=PATIENCE) as events:
        with pytest.raises(UnavailableError, match="say enableSessions: false"):
            await anext(events)


@pytest.mark.parametrize(
    ("said", "given", "message"),
    [
        ({"queue": "q"}, {"event_type": "outcome"}, "event_type is for use_type_specific"),
        ({"use_type_specific_destinations": True}, {}, "event_type is for use_type_specific"),
        ({"queue": "q"}, {"session": "a"}, "session is for options with enable_sessions"),
        ({"queue": "q"}, {"max_wait": 0}, "max_wait is 0; expected seconds above 0, or None"),
        ({"queue": "q"}, {"max_wait": -1}, "max_wait is -1"),
        ({"queue": "q"}, {"max_wait": math.nan}, "max_wait is nan"),
    ],
)
async def test_arguments_must_fit_the_options(
    peer: ServiceBusPeer, said: dict[str, object], given: dict[str, object], message: str
) -> None:
    """Given options, When an argument does not fit them, Then it is refused before connecting."""
    options = options_of(peer, **said)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=message):
        await receive(options, **given).__aenter__()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("most", "kind", "message"),
    [
        (0, ValueError, "most is 0; expected at least 1"),
        (None, TypeError, "most is None; expected a number of events"),
        ("x", TypeError, "most is 'x'; expected a number of events"),
    ],
)
async def test_a_batch_has_a_size(
    peer: ServiceBusPeer, queue: str, most: int, kind: type[Exception], message: str
) -> None:
    """Given a consumer, When the size of a batch is none, Then it says so."""
    async with receive(options_of(peer, queue)) as events:
        with pytest.raises(kind, match=message):
            await events.batch(most)


async def test_a_missing_destination_is_named(peer: ServiceBusPeer) -> None:
    """Given options without a queue, When it is received, Then the option is named."""
    with pytest.raises(ConfigurationError, match="cannot receive: queueName is missing"):
        await receive(options_of(peer)).__aenter__()


async def test_a_topic_alone_gives_nothing(peer: ServiceBusPeer) -> None:
    """Given a topic without a subscription, When it is received from, Then it is asked for."""
    with pytest.raises(ConfigurationError, match="say subscriptionName"):
        await receive(options_of(peer, topic_name="events")).__aenter__()
