"""Dead letters of queues and subscriptions over the wire: seen, sent again, removed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from msgspec.structs import replace

from experimentframework_core.errors import ConfigurationError, TransientError, UnavailableError
from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_servicebus import ServiceBusOptions, plugin
from experimentframework_servicebus._letters.copies import DELAY, DROPPED
from experimentframework_servicebus._letters.taking import GONE
from experimentframework_servicebus._namespace.entities import Place
from tests.servicebus._wire import CONTEXT, LEAKS, ids, options_of, stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.broker_letters import (
        BrokerDeadLetters,
        BrokerLetter,
        LetterOutcome,
    )
    from experimentframework_core.envelope import Record
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


def dead(place: str) -> str:
    """Return the path of a place's dead letters."""
    return f"{place}/$DeadLetterQueue"


@asynccontextmanager
async def letters_of(options: ServiceBusOptions) -> AsyncIterator[BrokerDeadLetters]:
    """Open the dead letters of the plugin."""
    assert plugin.dead_letters is not None
    async with plugin.dead_letters(options) as letters:
        yield letters


async def buried(
    peer: ServiceBusPeer,
    options: ServiceBusOptions,
    records: Sequence[Record],
    place: str | None = None,
) -> None:
    """Deliver events, and make dead letters of them."""
    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver(records)
    peer.bury(place or options.queue_name or "", "bad", "a bad one")


async def looked(letters: BrokerDeadLetters) -> list[BrokerLetter]:
    """Return all that are there."""
    return [each async for each in letters.look()]


async def requeued(
    letters: BrokerDeadLetters, chosen: Sequence[BrokerLetter]
) -> list[LetterOutcome]:
    """Requeue some, and return what became of each."""
    return [each async for each in letters.requeue([each.key for each in chosen])]


async def purged(letters: BrokerDeadLetters, chosen: Sequence[BrokerLetter]) -> list[LetterOutcome]:
    """Purge some, and return what became of each."""
    return [each async for each in letters.purge([each.key for each in chosen])]


async def test_looking_tells_everything_and_changes_nothing(
    peer: ServiceBusPeer, queue: str
) -> None:
    """Given dead letters, one no event, When looked at twice, Then all is told, both times."""
    options = options_of(peer, queue)
    await buried(peer, options, [make_record(make_exposure())])
    async with (
        ServiceBusClient.from_connection_string(peer.connection_string()) as client,
        client.get_queue_sender(queue) as sender,
    ):
        await sender.send_messages(ServiceBusMessage(b"hello", message_id="m"), timeout=5)
    peer.bury(queue)
    before = peer.messages(dead(queue))

    async with letters_of(options) as letters:
        first, second = await looked(letters), await looked(letters)

    event, other = first
    assert (event.place, event.reason, event.description) == (queue, "bad", "a bad one")
    assert (event.number, event.source, event.deliveries) == (before[0].sequence, queue, 0)
    assert event.enqueued_at is not None
    assert (other.body, other.message_id, other.reason) == (b"hello", "m", None)
    assert first == second
    assert peer.messages(dead(queue)) == before


async def test_a_letter_goes_to_its_queue_as_it_was(peer: ServiceBusPeer, entity: str) -> None:
    """Given letters of a queue with sessions, When requeued, Then they are there as they were."""
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(sessions=True))
    options = options_of(peer, entity, enable_sessions=True, session_strategy="subjectId")
    records = [make_record(make_exposure(subject_id=name)) for name in "abc"]
    await buried(peer, options, records)
    before = peer.messages(dead(entity))

    async with letters_of(options) as letters:
        outcomes = await requeued(letters, await looked(letters))
    peer.put_forward(DELAY.total_seconds())

    assert [each.left for each in outcomes] == [None] * 3
    assert stored(peer, dead(entity)) == []
    for there, was in zip(peer.messages(entity), before, strict=True):
        assert (there.state, there.fields, there.body) == ("active", was.fields, was.body)
        assert there.properties == was.properties | {
            "PreviousDeadLetterReason": "bad",
            "PreviousDeadLetterErrorDescription": "a bad one",
        }


async def test_only_the_chosen_ones_go_and_the_others_are_free(
    peer: ServiceBusPeer, queue: str
) -> None:
    """Given three letters, When the last is requeued, Then the others can be had at once."""
    options = options_of(peer, queue)
    records = make_records(3)
    await buried(peer, options, records)

    async with letters_of(options) as letters:
        first, second, third = await looked(letters)
        await requeued(letters, [third])
        purged = [each async for each in letters.purge([first.key, second.key])]

    assert [each.left for each in purged] == [None, None]
    assert (stored(peer, queue), stored(peer, dead(queue))) == (ids(records)[2:], [])


async def test_a_subscriptions_letter_goes_to_the_topic(peer: ServiceBusPeer, entity: str) -> None:
    """Given two subscriptions, When one's letter is requeued, Then both have a copy of it."""
    from tests.peers.amqp.definitions import Subscription

    peer.topic(entity, Subscription(name="one"), Subscription(name="two"))
    one, two = (f"{entity}/Subscriptions/{name}" for name in ("one", "two"))
    options = options_of(peer, topic_name=entity, subscription_name="one")
    (record,) = make_records(1)
    await buried(peer, options, [record], one)

    async with letters_of(options) as letters:
        (letter,) = await looked(letters)
        (outcome,) = await requeued(letters, [letter])
    peer.put_forward(DELAY.total_seconds())

    assert (letter.place, outcome.left) == (one, None)
    assert (stored(peer, one), stored(peer, dead(one))) == ([record.event_id], [])
    assert stored(peer, two) == [record.event_id] * 2


async def test_a_copy_that_the_service_drops_leaves_the_letter(
    peer: ServiceBusPeer, entity: str
) -> None:
    """Given duplicate detection, When requeued within its window, Then nothing is lost.

    The service confirms what it drops. Behind the window it stores the copy.
    """
    from tests.peers.amqp.definitions import Settings

    peer.queue(entity, Settings(duplicate_seconds=600))
    options = options_of(peer, entity)
    records = make_records(2)
    await buried(peer, options, records)

    async with letters_of(options) as letters:
        chosen = await looked(letters)
        within = await requeued(letters, chosen)
        kept = stored(peer, entity), stored(peer, dead(entity))
        peer.put_forward(600)
        behind = await requeued(letters, chosen)

    assert [each.left for each in within] == [DROPPED, DROPPED]
    assert kept == ([], ids(records))
    assert [each.left for each in behind] == [None, None]
    assert (stored(peer, entity), stored(peer, dead(entity))) == (ids(records), [])


async def test_a_letter_that_cannot_be_removed_is_sent_again_with_the_same_id(
    peer: ServiceBusPeer, queue: str
) -> None:
    """Given a cut as a letter is removed, When requeued again, Then it is there twice, not never.

    This is what the end of the process leaves behind as well.
    """
    from tests.peers.amqp.faults import Fault

    options = options_of(peer, queue)
    records = make_records(1)
    await buried(peer, options, records)

    peer.inject(Fault(what="cut", at="settle", matching=queue))
    async with letters_of(options) as letters:
        chosen = await looked(letters)
        (first,) = await requeued(letters, chosen)
    peer.put_forward(31)  # The lock that the cut left is over.
    async with letters_of(options) as letters:
        (second,) = await requeued(letters, chosen)

    assert "its copy is stored, but it is still there" in str(first.left)
    assert second.left is None
    assert stored(peer, queue) == ids(records) * 2
    assert stored(peer, dead(queue)) == []


async def test_a_letter_that_is_refused_is_left_alone(peer: ServiceBusPeer, queue: str) -> None:
    """Given two of which one is refused, When requeued, Then the other goes."""
    from tests.peers.amqp.faults import Fault

    options = options_of(peer, queue)
    records = make_records(2)
    await buried(peer, options, records)

    async with letters_of(options) as letters:
        chosen = await looked(letters)
        refusing = Fault(what="error", at="request", condition="com.microsoft:argument-error")
        # The first request looks whether we may look; both together and the first are refused.
        peer.inject(replace(refusing, matching=queue, skip=1, times=2))
        first, second = await requeued(letters, chosen)

    assert "the event is refused" in str(first.left)
    assert second.left is None
    assert (stored(peer, queue), stored(peer, dead(queue))) == (ids(records)[1:], ids(records)[:1])


async def test_what_somebody_else_took_is_gone(
    peer: ServiceBusPeer, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a letter that is removed meanwhile, When it is purged, Then it is said to be gone."""
    monkeypatch.setattr("experimentframework_servicebus._letters.receiver.WAIT", 0.3)
    options = options_of(peer, queue)
    await buried(peer, options, make_records(2))

    async with letters_of(options) as letters:
        first, second = await looked(letters)
        assert [each.left async for each in letters.purge([first.key])] == [None]
        outcomes = [each async for each in letters.purge([first.key, second.key])]

    assert [(each.key, each.left) for each in outcomes] == [(second.key, None), (first.key, GONE)]


async def test_each_type_has_dead_letters_of_its_own(
    peer: ServiceBusPeer, entity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given queues of two types, When requeued, Then a third that is missing is left out."""
    places = [Place(f"{entity}-{name}") for name in ("exposures", "missing", "outcomes")]
    monkeypatch.setattr(
        "experimentframework_servicebus._letters.dead_letters.places_of", lambda _: places
    )
    exposures, _, outcomes = (each.entity for each in places)
    options = options_of(peer, use_type_specific_destinations=True)
    records = make_records(2)
    for name, record in zip((exposures, outcomes), records, strict=True):
        peer.queue(name)
        await buried(peer, options_of(peer, name), [record])

    async with letters_of(options) as letters:
        found = await looked(letters)
        became = await requeued(letters, found)

    assert [each.place for each in found] == [exposures, outcomes]
    assert [each.left for each in became] == [None, None]
    assert stored(peer, exposures) + stored(peer, outcomes) == ids(records)


async def test_a_queue_that_is_missing_is_told(peer: ServiceBusPeer) -> None:
    """Given no queue, When looked at, Then the error names it and says what creates it."""
    async with letters_of(options_of(peer, "nowhere")) as letters:
        with pytest.raises(UnavailableError, match=r"az servicebus queue create .* nowhere"):
            await looked(letters)


async def test_a_topic_needs_a_subscription() -> None:
    """Given a topic only, When it is opened, Then that says what is missing, and connects not."""
    options = ServiceBusOptions(topic_name="events", fully_qualified_namespace="nowhere.invalid")

    with pytest.raises(ConfigurationError, match="say subscriptionName"):
        await letters_of(options).__aenter__()


async def test_a_service_that_hangs_holds_nobody_up(own_peer: ServiceBusPeer) -> None:
    """Given a service that hangs, When looked at, requeued and purged, Then each ends in time."""
    own_peer.queue("events")
    await buried(own_peer, options_of(own_peer, "events"), make_records(1))
    async with letters_of(options_of(own_peer, "events")) as letters:
        chosen = await looked(letters)
    own_peer.hang()
    loop = asyncio.get_running_loop()
    began = loop.time()

    async with letters_of(options_of(own_peer, "events", send_timeout_ms=300)) as letters:
        for call in (looked(letters), requeued(letters, chosen), purged(letters, chosen)):
            with pytest.raises(TransientError):
                await call
    took = loop.time() - began
    own_peer.release()

    # Less than a second for each call, and two for links that do not close; not for ever.
    assert took < 20
    assert len(own_peer.messages(dead("events"))) == 1
