"""What Kafka's errors mean to the channel."""

from __future__ import annotations

import pytest
from aiokafka import errors as kafka

from experimentframework_core.errors import PermanentError, TransientError, UnavailableError
from experimentframework_kafka._errors import (
    delivery_error,
    ends_a_producer,
    refuses_a_record,
)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (kafka.MessageSizeTooLargeError(), PermanentError),
        (kafka.RecordListTooLargeError(), PermanentError),
        (kafka.InvalidTimestampError(), PermanentError),
        (kafka.TopicAuthorizationFailedError("seen"), UnavailableError),
        (kafka.ClusterAuthorizationFailedError(), UnavailableError),
        (kafka.InvalidTopicError(), UnavailableError),
        (kafka.UnsupportedVersionError(), UnavailableError),
        (kafka.SaslAuthenticationFailed(), UnavailableError),
        (kafka.CorruptRecordException(), TransientError),
        (kafka.ReplicaNotAvailableError(), TransientError),
        (kafka.StaleLeaderEpochCodeError(), TransientError),
        (kafka.NotEnoughReplicasError(), TransientError),
        (kafka.OutOfOrderSequenceNumber(), TransientError),
        (kafka.ProducerFenced(), TransientError),
        (kafka.UnknownError(), TransientError),
        (kafka.NodeNotReadyError(), TransientError),
        (kafka.KafkaTimeoutError(), TransientError),
        (ConnectionRefusedError(111, "Connection refused"), TransientError),
    ],
    ids=lambda each: getattr(each, "__name__", None) or type(each).__name__,
)
def test_the_meaning_of_an_error(error: Exception, meaning: type[Exception]) -> None:
    """Given an error of the client, When it is mapped, Then it means that, and is the cause."""
    found = delivery_error(error, "deliver to topic 'seen'")

    assert type(found) is meaning
    assert found.__cause__ is error


def test_the_text_says_what_to_do() -> None:
    """Given a missing right, When it is mapped, Then the text names the topic and the right."""
    found = delivery_error(kafka.TopicAuthorizationFailedError("seen"), "deliver to topic 'seen'")

    assert str(found).startswith(
        "cannot deliver to topic 'seen': this user may not write to the topic; give it the right "
        "WRITE ("
    )


@pytest.mark.parametrize(
    "error", [kafka.ProducerClosed(), kafka.OutOfOrderSequenceNumber(), kafka.KafkaError("gone")]
)
def test_errors_after_which_a_producer_is_of_no_use(error: Exception) -> None:
    """Given the brokers have lost its state, or it has ended, When asked, Then it is over."""
    assert ends_a_producer(error)


def test_a_refused_batch_ends_no_producer() -> None:
    """Given a record was refused, When asked, Then the producer may go on, and a record it was."""
    error = kafka.MessageSizeTooLargeError()

    assert not ends_a_producer(error)
    assert refuses_a_record(error)
