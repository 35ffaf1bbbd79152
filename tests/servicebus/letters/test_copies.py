"""Whether copies are there: by what is seen, and by what the service does with scheduled ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, cast

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties

from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._connection.calls import Calls
from experimentframework_servicebus._connection.client import open_client
from experimentframework_servicebus._letters.copies import DROPPED, NOT_SEEN, Copies, seen
from experimentframework_servicebus._namespace.entities import Place
from experimentframework_servicebus._reading.pages import PAGE
from experimentframework_servicebus._reading.peeking import open_peekers
from tests.peers.servicebus_entities import ONCE, SESSIONS, TOPIC
from tests.servicebus.letters._received import received

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azure.servicebus import ServiceBusReceivedMessage as Message
    from azure.servicebus.aio import ServiceBusClient

PARTITION = 1 << 48


class Pages:
    """Messages by their numbers, with ids; a page ends with its partition.

    Attributes:
        asked: How often a page was asked for.
    """

    def __init__(self, there: Mapping[int, str]) -> None:
        self._there = there
        self.asked = 0

    async def page(self, first: int, most: int = PAGE) -> Sequence[Message]:
        self.asked += 1
        numbers = [
            n for n in sorted(self._there) if n >= first and n // PARTITION == first // PARTITION
        ]
        return [message(number, self._there[number]) for number in numbers[:most]]


class Sending:
    """Copies that go nowhere: each gets the next number, and what is there is told before.

    Attributes:
        copies: The copies.
        sent: How many were in each request.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, there: Mapping[int, str]) -> None:
        self.sent: list[int] = []
        self._numbers = count(1)
        options = ServiceBusOptions(queue_name="events")
        self.copies = Copies(cast("ServiceBusClient", None), "events", options, Calls())
        monkeypatch.setattr(self.copies, "_peeker", Pages(there))
        monkeypatch.setattr(self.copies, "_open", self._open)
        monkeypatch.setattr(self.copies, "_schedule", self._schedule)

    async def _open(self) -> None:
        pass

    async def _schedule(self, copies: Sequence[AmqpAnnotatedMessage]) -> list[int]:
        self.sent.append(len(copies))
        return [next(self._numbers) for _ in copies]


def message(number: int, name: str, size: int = 0) -> Message:
    annotations = {b"x-opt-sequence-number": {"TYPE": "LONG", "VALUE": number}}
    properties = AmqpMessageProperties(message_id=name)
    return received(
        AmqpAnnotatedMessage(data_body=b"x" * size, properties=properties, annotations=annotations)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("there", "expected", "found"),
    [
        ({1: "a", 2: "b"}, {1: "a", 2: "b"}, {1, 2}),
        ({1: "a", 3: "c"}, {1: "a", 2: "b", 3: "c"}, {1, 3}),
        ({1: "a", 2: "other"}, {1: "a", 2: "b"}, {1}),
        ({}, {1: "a", 2: "b"}, set()),
        ({PARTITION + 1: "b"}, {1: "a", PARTITION + 1: "b"}, {PARTITION + 1}),
        ({n: str(n) for n in range(1, 601)}, {5: "5", 590: "590", 700: "x"}, {5, 590}),
    ],
)
async def test_only_what_is_there_is_seen(
    there: dict[int, str], expected: dict[int, str], found: set[int]
) -> None:
    """Given what is in a queue, When copies are looked for, Then those that are there are seen."""
    seen_there = await seen(Pages(there), expected)

    assert seen_there == found


async def test_a_batch_is_seen_at_once() -> None:
    """Given copies in a row, When they are looked for, Then one page is asked for."""
    pages = Pages({number: str(number) for number in range(1, 300)})

    await seen(pages, {number: str(number) for number in range(10, 110)})

    assert pages.asked == 1


@pytest.mark.parametrize(("in_time", "why"), [(1.0, DROPPED), (-1.0, NOT_SEEN)])
async def test_what_is_not_seen_is_not_stored_unless_it_is_too_late_to_say(
    in_time: float, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given copies of which one is there, When looked for in time or late, Then that is said."""
    sending = Sending(monkeypatch, {1: "a"})
    monkeypatch.setattr("experimentframework_servicebus._letters.copies._IN_TIME", in_time)

    left = await sending.copies.put([message(7, "a"), message(8, "b")])

    assert left == [None, why]
    assert sending.sent == [2]


async def test_no_more_is_sent_at_once_than_a_queue_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given large letters, When they are sent, Then each request has what it can, at least one."""
    sending = Sending(monkeypatch, dict.fromkeys(range(1, 6), "a"))
    sizes = (90_000, 90_000, 300_000, 10, 10)

    left = await sending.copies.put(
        [message(number, "a", size) for number, size in enumerate(sizes)]
    )

    assert left == [None] * 5
    assert sending.sent == [2, 1, 2]


async def test_what_cannot_be_copied_keeps_no_other_one_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a message that is no bytes, When sent with another, Then only that one is left."""
    sending = Sending(monkeypatch, {1: "a"})
    value = received(AmqpAnnotatedMessage(value_body="text"))

    left = await sending.copies.put([value, message(7, "a")])

    assert left == ["its body is no bytes, and would not be the same", None]


@pytest.mark.parametrize(
    ("entity", "times"), [(ONCE, 1), (SESSIONS, 2), (TOPIC, 2)], ids=["once", "sessions", "topic"]
)
async def test_what_is_scheduled_can_be_seen_unless_it_was_dropped(
    namespace: str, entity: str, times: int
) -> None:
    """Given an id that is scheduled twice, When looked for, Then it is there as often as stored."""
    options = ServiceBusOptions(connection_string=Secret(namespace), queue_name=entity)
    name = f"copy-{datetime.now(UTC).isoformat()}"
    copies = [ServiceBusMessage(b"{}", message_id=name, session_id="s") for _ in range(2)]
    later = datetime.now(UTC) + timedelta(hours=1)

    async with open_client(options) as client, client.get_queue_sender(entity) as sender:
        numbers = await sender.schedule_messages(copies, later, timeout=20)
        async with open_peekers(options, [Place(entity)]) as (peeker,):
            stored = await seen(peeker, dict.fromkeys(numbers, name))
        await sender.cancel_scheduled_messages(sorted(stored), timeout=20)

    assert len(set(numbers)) == 2
    assert len(stored) == times
