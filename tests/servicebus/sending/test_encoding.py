"""The bytes of a message are those which the client writes."""

from __future__ import annotations

import pytest
from azure.servicebus import ServiceBusMessageBatch
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_servicebus._sending.encoding import encoded
from experimentframework_servicebus._sending.message import Message
from tests.servicebus.sending._links import parts_of, read

_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
_long_texts = _texts | st.text("aé", min_size=250, max_size=260)
_maybe = st.none() | _long_texts

messages = st.builds(
    Message,
    message_id=_texts.map(str.encode),
    milliseconds=st.integers(-(2**47), 2**47) | st.integers(-130, 130),
    event_type=_long_texts,
    schema_version=_texts,
    correlation_id=_maybe,
    traceparent=_maybe,
    session=st.none() | _texts,
    lives=st.none(),
    body=st.binary(min_size=1, max_size=300),
)


def by_client(message: Message) -> bytes:
    """Return how the client puts a message into a batch."""
    batch = ServiceBusMessageBatch(10_000_000)
    batch.add_message(message.annotated())
    return bytes(parts_of(batch)[0])


@given(messages)
def test_any_message_has_the_bytes_of_the_client(message: Message) -> None:
    """Given any message, When it is encoded, Then the client writes the same."""
    ours = encoded(message)

    assert ours == by_client(message)


@pytest.mark.parametrize("lives", [60_000, 4_294_920_000])
def test_so_has_one_that_expires(lives: int) -> None:
    """Given a time to live, When it is encoded, Then header and times are the client's too."""
    message = Message(b"e-1", 1, "exposure", "1.0.0", None, None, "u-1", lives, b"{}")

    # The times are whole seconds, and one may have passed meanwhile.
    before, ours, after = by_client(message), encoded(message), by_client(message)

    assert ours in (before, after)
    assert read(ours).header.ttl == lives
