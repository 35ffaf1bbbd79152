"""Event and record factories."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from experimentframework_core.codec import decode, encode
from experimentframework_core.testing import (
    make_envelope,
    make_exposure,
    make_outcome,
    make_record,
    make_records,
)


def test_an_exposure_has_everything_but_what_is_given() -> None:
    """Given one field, then the others are filled in and the subject is a new one."""
    first, second = make_exposure(variant_key="control"), make_exposure()

    assert first.variant_key == "control"
    assert first.experiment_name == second.experiment_name
    assert first.subject_id != second.subject_id


def test_an_outcome_has_everything_but_what_is_given() -> None:
    """Given a value, then the rest is filled in."""
    outcome = make_outcome(value=0.0)

    assert (outcome.name, outcome.value) == ("converted", 0.0)


def test_an_envelope_takes_the_time_of_its_payload() -> None:
    """Given an event with a time, then the envelope has that time, and an id of its own."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)

    envelope = make_envelope(make_exposure(timestamp=noon))

    assert envelope.timestamp == noon
    assert envelope.event_id != make_envelope().event_id


def test_an_envelope_needs_a_registered_event() -> None:
    """Given a class that is not registered, then the error says how to register it."""

    class Stranger(msgspec.Struct):
        name: str

    with pytest.raises(TypeError, match="decorate it with @event"):
        make_envelope(Stranger("x"))


def test_a_record_is_the_encoded_envelope() -> None:
    """Given an event with routing facts, then the record's body is its canonical encoding."""
    record = make_record(make_exposure(tenant_id="t-1"), correlation_id="request-1")

    assert encode(decode(record.body)) == record.body
    assert (record.tenant, record.correlation_id) == ("t-1", "request-1")


def test_records_differ() -> None:
    """Given a number, then that many records with ids and subjects of their own."""
    records = make_records(5)

    assert len({record.event_id for record in records}) == 5
    assert len({record.subject for record in records}) == 5
