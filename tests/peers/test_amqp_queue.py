"""What a queue does with messages, without a wire."""

from __future__ import annotations

import pytest
from proton import symbol

from tests.peers.amqp import sections
from tests.peers.amqp.definitions import (
    Correlation,
    QueueDefinition,
    Settings,
    Subscription,
    TopicDefinition,
)
from tests.peers.amqp.errors import AmqpError
from tests.peers.amqp.message import Content, read
from tests.peers.amqp.namespace import Namespace, fits
from tests.peers.amqp.queue import Queue
from tests.peers.amqp.values import section

NOW = 1_000_000


def _content(
    name: str, session: str | None = None, ttl: int | None = None, scheduled: int | None = None
) -> Content:
    fields = [name, None, None, "exposure", *[None] * 6, session]
    at = {symbol("x-opt-scheduled-enqueue-time"): scheduled} if scheduled else {}
    return read(
        section(sections.HEADER, [True, None, ttl])
        + section(sections.ANNOTATIONS, at)
        + section(sections.PROPERTIES, fields)
        + section(sections.APPLICATION_PROPERTIES, {"tenantId": "shop"})
        + section(sections.DATA, b"{}")
    )


def _queue(settings: Settings | None = None) -> Queue:
    namespace = Namespace()
    namespace.define(QueueDefinition(name="events", settings=settings or Settings()))
    queue = namespace.find("Events")
    assert isinstance(queue, Queue)
    return queue


def _names(queue: Queue | None) -> list[str]:
    assert queue is not None
    return [message.content.fields["message_id"] for message in queue.messages()]


def test_a_message_is_given_to_one() -> None:
    """Given one message, When it is taken and locked, Then it is nobody else's, and still there."""
    queue = _queue()
    queue.put(_content("a"), NOW)

    first = queue.take(None, NOW)
    assert first is not None
    queue.lock(first, NOW)

    assert queue.take(None, NOW) is None
    assert _names(queue) == ["a"]


def test_a_lock_that_is_lost_lets_another_have_it() -> None:
    """Given a lock of 30 s, When they are over, Then the message is there, delivered once more."""
    queue = _queue()
    queue.put(_content("a"), NOW)
    message = queue.take(None, NOW)
    assert message is not None
    lock = queue.lock(message, NOW)

    queue.tick(NOW + 30_000)
    again = queue.take(None, NOW + 30_000)

    assert again is not None
    assert again.deliveries == 1
    assert not queue.settle(lock.token, "complete", NOW + 30_000)


def test_a_message_that_is_delivered_too_often_is_dead() -> None:
    """Given two deliveries at most, When both are abandoned, Then it is a dead letter."""
    queue = _queue(Settings(max_deliveries=2))
    queue.put(_content("a"), NOW)

    for _ in range(2):
        message = queue.take(None, NOW)
        assert message is not None
        queue.settle(queue.lock(message, NOW).token, "abandon", NOW)

    assert queue.dead is not None
    assert [each.reason for each in queue.dead.messages()] == ["MaxDeliveryCountExceeded"]
    assert _names(queue) == []


def test_what_is_buried_is_dead_and_says_why() -> None:
    """Given messages in two sessions, When they are buried, Then all are dead letters."""
    queue = _queue(Settings(sessions=True))
    for name, session in (("a", "s"), ("b", "t")):
        queue.put(_content(name, session), NOW)

    queue.bury("bad", "a bad one")

    assert queue.dead is not None
    assert _names(queue) == []
    assert [(each.reason, each.description) for each in queue.dead.messages()] == [
        ("bad", "a bad one")
    ] * 2


def test_an_expired_message_is_gone() -> None:
    """Given a message for a second, When that is over, Then it is nowhere."""
    queue = _queue()
    queue.put(_content("a", ttl=1000), NOW)

    queue.tick(NOW + 1000)

    assert _names(queue) == []
    assert _names(queue.dead) == []


def test_a_session_that_is_given_up_starts_again_in_order() -> None:
    """Given a session of three, When it is given up behind one, Then the others come in order."""
    queue = _queue(Settings(sessions=True))
    for name in ("a", "b", "c"):
        queue.put(_content(name, "s"), NOW)
    assert queue.free_session() == "s"
    queue.sessions.hold("s", NOW)
    for outcome in ("complete", None, None):
        message = queue.take("s", NOW)
        assert message is not None
        lock = queue.lock(message, NOW)
        if outcome == "complete":
            queue.settle(lock.token, "complete", NOW)

    queue.give_up_session("s")

    taken = [queue.take("s", NOW) for _ in range(2)]
    assert [each and each.content.fields["message_id"] for each in taken] == ["b", "c"]


def test_what_is_scheduled_twice_is_stored_once() -> None:
    """Given duplicate detection, When an id is scheduled twice, Then both have numbers, as there.

    The service tells nobody which of them it dropped.
    """
    queue = _queue(Settings(duplicate_seconds=60))
    later = _content("a", scheduled=NOW + 1000)

    numbers = [queue.put(later, NOW) for _ in range(2)]

    assert len(set(numbers)) == 2
    assert [each.sequence for each in queue.messages()] == numbers[:1]


def test_a_topic_keeps_what_is_scheduled() -> None:
    """Given a message for later, When its time comes, Then a subscription has it, not before."""
    namespace = Namespace()
    namespace.define(TopicDefinition(name="events", subscriptions=[Subscription(name="all")]))
    topic, subscription = namespace.find("events"), namespace.find("events/Subscriptions/all")
    assert topic is not None
    assert isinstance(subscription, Queue)

    topic.put(_content("a", scheduled=NOW + 1000), NOW)
    topic.cancel([topic.put(_content("b", scheduled=NOW + 1000), NOW)])
    before = _names(subscription), [each.state for each in topic.messages()]
    namespace.tick(NOW + 1000)

    assert before == ([], ["scheduled"])
    assert (_names(subscription), topic.messages()) == (["a"], [])


def test_a_full_queue_takes_all_or_nothing() -> None:
    """Given room for one, When two are to come, Then neither may."""
    queue = _queue(Settings(capacity=1))

    with pytest.raises(AmqpError) as caught:
        queue.check([_content("a"), _content("b")])

    assert caught.value.condition == "amqp:resource-limit-exceeded"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Correlation(), True),
        (Correlation(subject="exposure", properties={"tenantId": "shop"}), True),
        (Correlation(subject="outcome"), False),
        (Correlation(session_id="s"), False),
        (Correlation(properties={"tenantId": "bank"}), False),
    ],
)
def test_a_filter_wants_everything_that_it_says(wanted: Correlation, *, expected: bool) -> None:
    """Given a filter, When a message comes, Then it fits if all that is said is equal."""
    found = fits(wanted, _content("a"))

    assert found is expected


def test_a_batch_is_told_from_a_message() -> None:
    """Given data that are messages and data that are not, When read, Then only those are many."""
    inner = [_content(name).encoded for name in ("a", "b")]
    batch = b"".join(section(sections.DATA, each) for each in inner)
    alone = section(sections.DATA, b"\x00Sp") + section(sections.DATA, b"{}")

    assert sections.batched(batch) == inner
    assert sections.batched(alone) == [alone]
    assert sections.batched(inner[0]) == inner[:1]


def test_what_is_no_message_is_refused() -> None:
    """Given bytes that are none, When they are split, Then they are refused."""
    with pytest.raises(ValueError, match="no section at byte 0"):
        sections.sections(b"hello")
