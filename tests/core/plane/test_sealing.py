"""Events that are written by another way than a channel: sealed as by publish, counted apart."""

from __future__ import annotations

import asyncio

import pytest

from experimentframework_core import (
    DataPlane,
    DataPlaneClosedError,
    InvalidEventError,
    PiiRedactionOptions,
    Receipt,
)
from experimentframework_core.envelope import Record
from experimentframework_core.testing import Sink, make_envelope, make_exposure
from tests.core._planes import opened, options


async def test_seals_what_publish_would_deliver() -> None:
    """Given an envelope, When it is sealed and published, Then both are the same record."""
    sink = Sink()
    envelope = make_envelope()

    async with opened(sink) as plane:
        sealed = plane.seal(envelope)
        await plane.publish(envelope)

    assert sealed == sink.records[0]


async def test_seals_with_facts_of_the_call() -> None:
    """Given a payload, When it is sealed with a correlation id, Then the record has it."""
    async with opened(Sink()) as plane:
        sealed = plane.seal(make_exposure(), correlation_id="c-1", metadata={"a": 1})

    assert isinstance(sealed, Record)
    assert sealed.correlation_id == "c-1"
    assert b'"metadata":{"a":1}' in sealed.body


async def test_redacts() -> None:
    """Given redaction, When an event is sealed, Then its subject is hidden."""
    redaction = PiiRedactionOptions(redact_subject_ids=True)

    async with opened(Sink(), pii_redaction=redaction) as plane:
        sealed = plane.seal(make_exposure(subject_id="u-42"))

    assert isinstance(sealed, Record)
    assert b"u-42" not in sealed.body


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"enable_exposure_events": False}, "toggle"), ({"sampling_rate": 0.0}, "sampled")],
)
async def test_says_why_an_event_is_filtered(settings: dict[str, object], reason: str) -> None:
    """Given a toggle or sampling, When an event is sealed, Then a receipt says why it is not."""
    async with opened(Sink(), **settings) as plane:
        sealed = plane.seal(make_exposure())

    assert sealed == Receipt(None, "filtered", reason)


async def test_refuses_what_is_too_large() -> None:
    """Given a limit, When a larger event is sealed, Then it is refused as by publish."""
    async with opened(Sink(), max_event_bytes=1000) as plane:
        with pytest.raises(InvalidEventError, match="maxEventBytes"):
            plane.seal(make_exposure(attributes={"a": "b" * 1000}))


async def test_sealing_counts_nothing() -> None:
    """Given an open plane, When events are sealed, Then its fates are as before."""
    async with opened(Sink(), enable_exposure_events=False) as plane:
        before = plane.statistics()
        plane.seal(make_exposure())

        after = plane.statistics()

    assert after == before


async def test_counts_what_was_written_from_any_thread() -> None:
    """Given two threads, When both count what they wrote, Then it stands beside the fates."""
    async with opened(Sink()) as plane:
        await asyncio.gather(*(asyncio.to_thread(plane.count_written) for _ in range(2)))

    assert plane.statistics().written_in_transaction == 2
    assert plane.statistics().published == 0


async def test_a_closed_plane_seals_nothing() -> None:
    """Given a plane that was closed, When an event is sealed, Then it says so."""
    plane = DataPlane(options(), backplane=Sink())
    async with plane:
        pass

    with pytest.raises(DataPlaneClosedError, match="closed"):
        plane.seal(make_exposure())
