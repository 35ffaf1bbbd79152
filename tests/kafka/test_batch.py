"""A batch that is filled with many messages at once."""

from __future__ import annotations

from experimentframework_kafka._batch import Batch

MESSAGE = (b"key", b"value" * 20, 1_700_000_000_000, [("event-id", b"e-1")])


def test_a_batch_takes_what_fits() -> None:
    """Given more messages than fit, When a batch is filled, Then it has those that do."""
    batch = Batch(1_000, 0)

    number = batch.fill([MESSAGE] * 50)

    assert 1 < number < 50
    assert batch.record_count() == number
    assert batch.size() <= 1_000


def test_a_message_alone_is_taken_whatever_its_size() -> None:
    """Given a message larger than a batch, When it is the first, Then it is taken, alone."""
    batch = Batch(10, 0)

    number = batch.fill([MESSAGE] * 2)

    assert number == 1


def test_a_filled_batch_is_closed() -> None:
    """Given a batch that is not full, When it is filled, Then nothing else comes into it."""
    batch = Batch(1_000, 0)

    batch.fill([MESSAGE])

    assert batch.closed()
    assert batch.append(timestamp=1, key=b"k", value=b"v") is None


def test_no_message_makes_an_empty_batch() -> None:
    """Given no message, When a batch is filled, Then it has none."""
    batch = Batch(1_000, 0)

    number = batch.fill([])

    assert number == batch.record_count() == 0
