"""Which records go together, and how many fit."""

from __future__ import annotations

from azure.servicebus import ServiceBusMessageBatch

from experimentframework_core.testing import make_exposure, make_outcome, make_record
from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._batches import Group, fill, groups_of
from experimentframework_servicebus._message import writer_of_messages

RECORDS = [
    make_record(make_exposure(subject_id="a")),
    make_record(make_exposure(subject_id="b")),
    make_record(make_outcome(subject_id="a")),
    make_record(make_exposure(subject_id="a")),
]


def test_without_sessions_everything_goes_together() -> None:
    """Given one queue, When there are no sessions, Then all records are one group."""
    groups = groups_of(RECORDS, range(4), ServiceBusOptions(queue_name="events"))

    assert groups == {"events": [Group("events", None, [0, 1, 2, 3])]}


def test_a_group_has_one_session() -> None:
    """Given sessions by subject, When records are grouped, Then each subject's stay in order."""
    options = ServiceBusOptions(
        topic_name="events", enable_sessions=True, session_strategy="subjectId"
    )

    groups = groups_of(RECORDS, range(4), options)

    assert groups == {"events": [Group("events", "a", [0, 2, 3]), Group("events", "b", [1])]}


def test_a_group_has_one_destination() -> None:
    """Given a queue for each type, When some records are grouped, Then each is with its like."""
    options = ServiceBusOptions(use_type_specific_destinations=True)

    groups = groups_of(RECORDS, [1, 2, 3], options)

    assert groups == {
        "experiment-exposures": [Group("experiment-exposures", None, [1, 3])],
        "experiment-outcomes": [Group("experiment-outcomes", None, [2])],
    }


def test_a_batch_closes_when_it_is_full() -> None:
    """Given more than fits, When a batch is filled, Then it has the first ones."""
    messages = [writer_of_messages(ServiceBusOptions())(record) for record in RECORDS * 10]
    batch = ServiceBusMessageBatch(4096)

    number = fill(batch, messages)

    assert 1 < number < len(messages)
    assert len(batch) == number
    assert batch.size_in_bytes <= 4096


def test_nothing_fits_where_the_first_does_not() -> None:
    """Given a message larger than a batch, When a batch is filled, Then it stays empty."""
    messages = [writer_of_messages(ServiceBusOptions())(RECORDS[0])]

    number = fill(ServiceBusMessageBatch(100), messages)

    assert number == 0
