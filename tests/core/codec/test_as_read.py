"""What was read is written again at once: the bytes that `encode` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from experimentframework_core.codec import decode, encode, encode_as_read
from tests.core.event_strategies import envelopes

if TYPE_CHECKING:
    from experimentframework_core.envelope import Envelope


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(envelopes)
def test_a_stored_event_gives_its_bytes_again(envelope: Envelope) -> None:
    """Given any event that is stored, When read and written, Then the bytes are the same."""
    body = encode(envelope)

    written = encode_as_read(decode(body))

    assert written == body


def test_fields_of_a_newer_version_are_written_back() -> None:
    """Given fields that are not known here, When read and written, Then they are there."""
    body = (
        b'{"eventId":"e","timestamp":"2026-03-01T12:00:00Z","eventType":"outcome",'
        b'"schemaVersion":"1.9.0","payload":{"experimentName":"x","subjectId":"u",'
        b'"outcomeType":"count","name":"n","value":1.0,"timestamp":"2026-03-01T12:00:00Z",'
        b'"currency":"EUR"},"shard":7}'
    )
    read = decode(body)

    written = encode_as_read(read)

    assert written == encode(read)
    assert decode(written) == read
