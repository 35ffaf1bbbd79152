"""Whether copies are there: by what is seen, and by what the service does with scheduled ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties

from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._client import open_client
from experimentframework_servicebus._copies import seen
from experimentframework_servicebus._entities import Place
from experimentframework_servicebus._pages import PAGE
from experimentframework_servicebus._peeking import open_peekers
from tests.peers.servicebus_entities import ONCE, SESSIONS, TOPIC
from tests.servicebus._received import received

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azure.servicebus import ServiceBusReceivedMessage as Message

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


def message(number: int, name: str) -> Message:
    annotations = {b"x-opt-sequence-number": {"TYPE": "LONG", "VALUE": number}}
    properties = AmqpMessageProperties(message_id=name)
    return received(
        AmqpAnnotatedMessage(data_body=b"", properties=properties, annotations=annotations)  # type: ignore[arg-type]
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
