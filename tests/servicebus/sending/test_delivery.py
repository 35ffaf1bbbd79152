"""One call of deliver: what is stored, what failed, and in which order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    ServiceBusError,
)

from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.testing import make_exposure, make_outcome, make_record
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._connection.calls import Calls
from experimentframework_servicebus._sending.delivery import Delivery
from experimentframework_servicebus._sending.sender import Sender
from tests.servicebus.sending._links import Links

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record

ONE_QUEUE = ServiceBusOptions(queue_name="events")
SESSIONS = ServiceBusOptions(
    queue_name="events", enable_sessions=True, session_strategy="subjectId"
)
EACH_TYPE = ServiceBusOptions(use_type_specific_destinations=True)
NOT_ALLOWED = ServiceBusError("no", condition=b"amqp:not-allowed", shutdown_handler=False)


def records_of(*subjects: str) -> list[Record]:
    return [make_record(make_exposure(subject_id=subject)) for subject in subjects]


def ids(records: Sequence[Record]) -> list[str]:
    return [record.event_id for record in records]


async def run(
    records: Sequence[Record],
    links: Links,
    options: ServiceBusOptions = ONE_QUEUE,
    *,
    confirmed: Sequence[str] = (),
) -> Delivery:
    """Deliver; each queue has a sender of its own, all with the same links."""
    calls = Calls()
    senders: dict[str, Sender] = {}

    def sender_of(entity: str) -> Sender:
        if entity not in senders:
            senders[entity] = Sender(links.make, calls, name=entity, send_timeout=60)
        return senders[entity]

    delivery = Delivery(records, options, set(confirmed))
    await delivery.run(sender_of, asyncio.get_running_loop().time() + 60)
    return delivery


async def test_everything_arrives_in_order() -> None:
    """Given more than fits in a batch, When delivered, Then batch follows batch in order."""
    records, links = records_of(*"abcdefghij" * 3), Links()

    delivery = await run(records, links)

    assert [each for sent in links.sent for each in sent] == ids(records)
    assert len(links.sent) > 1
    assert delivery.stored == set(range(30))
    delivery.raise_failures()


async def test_a_batch_has_one_session() -> None:
    """Given sessions by subject, When delivered, Then each subject's events are one batch."""
    records, links = records_of("a", "b", "a"), Links()

    await run(records, links, SESSIONS)

    assert links.sent == [ids([records[0], records[2]]), ids([records[1]])]


async def test_the_poisoned_record_is_refused_alone() -> None:
    """Given one that is too large, When its batch is refused, Then halves find it."""
    records = records_of(*"abcd")
    refusal = MessageSizeExceededError()
    links = Links([refusal, None, refusal, refusal])

    delivery = await run(records, links)

    with pytest.raises(PartialBatchError) as raised:
        delivery.raise_failures()
    assert {index: type(error) for index, error in raised.value.failures.items()} == {
        2: PermanentError
    }
    assert links.sent[1:] == [
        ids(records[:2]),
        ids(records[2:]),
        ids(records[2:3]),
        ids(records[3:]),
    ]


async def test_after_a_failure_nothing_more_is_sent_there() -> None:
    """Given a lost confirmation, When it was the second session's, Then the third waits too."""
    records = records_of("a", "b", "c", "b")
    links = Links([None, OperationTimeoutError()])

    delivery = await run(records, links, SESSIONS)

    assert links.sent == [ids(records[:1]), ids([records[1], records[3]])]
    assert delivery.stored == {0}
    with pytest.raises(PartialBatchError) as raised:
        delivery.raise_failures()
    assert {index: type(error) for index, error in raised.value.failures.items()} == {
        1: TransientError,
        2: TransientError,
        3: TransientError,
    }


async def test_the_rest_of_a_session_waits_for_what_failed() -> None:
    """Given a session in two batches, When the first fails, Then the second is not sent."""
    records = records_of(*"a" * 30)
    links = Links([OperationTimeoutError()])

    delivery = await run(records, links, SESSIONS)

    assert len(links.sent) == 1
    assert delivery.failures.keys() == set(range(30))
    with pytest.raises(TransientError):
        delivery.raise_failures()


async def test_other_queues_go_on() -> None:
    """Given a queue for each type, When one is missing, Then the other has its events."""
    records = [make_record(make_exposure()), make_record(make_outcome())]
    links = Links([MessagingEntityNotFoundError()])

    delivery = await run(records, links, EACH_TYPE)

    assert delivery.stored == {1}
    assert "'experiment-exposures'" in str(delivery.failures[0])
    assert isinstance(delivery.failures[0], UnavailableError)


async def test_what_somebody_must_change_is_what_is_told() -> None:
    """Given two queues that fail, When one is missing, Then that is the error of the call."""
    records = [make_record(make_exposure()), make_record(make_outcome())]
    links = Links([OperationTimeoutError(), MessagingEntityNotFoundError()])

    delivery = await run(records, links, EACH_TYPE)

    with pytest.raises(UnavailableError, match="'experiment-outcomes'"):
        delivery.raise_failures()


async def test_a_queue_that_wants_sessions_refuses_nobody_for_ever() -> None:
    """Given sessions are off, When the queue requires them, Then no event is given up."""
    records = records_of("a", "b")
    links = Links([NOT_ALLOWED, NOT_ALLOWED])

    delivery = await run(records, links)

    assert [len(sent) for sent in links.sent] == [2, 1]
    with pytest.raises(UnavailableError, match="say enableSessions: true"):
        delivery.raise_failures()


async def test_a_queue_that_takes_no_batches_takes_one_by_one() -> None:
    """Given a partitioned queue with duplicate detection, When it refuses a batch, Then singly."""
    records = records_of("a", "b")
    links = Links([NOT_ALLOWED])

    delivery = await run(records, links)

    assert links.sent == [ids(records), ids(records[:1]), ids(records[1:])]
    assert delivery.stored == {0, 1}


async def test_what_an_earlier_call_has_stored_is_not_sent_again() -> None:
    """Given a cancelled call, When the same records come, Then those that are stored do not go."""
    records, links = records_of("a", "b", "c"), Links()

    delivery = await run(records, links, confirmed=ids(records[:2]))

    assert links.sent == [ids(records[2:])]
    assert delivery.stored_ids() == set(ids(records))


async def test_nothing_is_nothing() -> None:
    """Given no records, When delivered, Then nothing is opened."""
    links = Links()

    delivery = await run([], links)

    assert links.opened == 0
    delivery.raise_failures()
