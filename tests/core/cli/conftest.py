"""Stores with known events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from experimentframework_core import codec
from experimentframework_core.backplanes.sqlite import SqliteOptions, plugin
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import Exposure, Outcome, OutcomeType, event_type_of
from experimentframework_core.plugin import OpenContext

START = datetime(2026, 3, 1, tzinfo=UTC)

StoreOf = Callable[[Iterable[msgspec.Struct]], Awaitable[Path]]


def at(minutes: float) -> datetime:
    """Return a time so many minutes after the first."""
    return START + timedelta(minutes=minutes)


def exposure(subject: str, variant: str, minutes: float = 0, *, of: str = "checkout") -> Exposure:
    """Return an exposure."""
    return Exposure(
        experiment_name=of,
        variant_key=variant,
        subject_id=subject,
        selection_reason="test",
        timestamp=at(minutes),
    )


def outcome(
    subject: str,
    name: str,
    value: float,
    minutes: float = 1,
    *,
    kind: OutcomeType = OutcomeType.BINARY,
) -> Outcome:
    """Return an outcome of the experiment ``checkout``."""
    return Outcome(
        experiment_name="checkout",
        subject_id=subject,
        outcome_type=kind,
        name=name,
        value=value,
        timestamp=at(minutes),
    )


@pytest.fixture
def store_of(tmp_path: Path) -> StoreOf:
    """Return a function that makes an embedded store with the given payloads."""

    async def make(payloads: Iterable[msgspec.Struct]) -> Path:
        path = tmp_path / "events.db"
        records = [
            codec.encode_record(envelope(number, payload))
            for number, payload in enumerate(payloads)
        ]
        async with plugin.open(SqliteOptions(path=str(path)), OpenContext(name="s")) as store:
            await store.deliver(records)
        return path

    return make


def envelope(number: int, payload: msgspec.Struct) -> Envelope:
    """Return a payload in its envelope, at its own time."""
    registered = event_type_of(type(payload))
    assert registered is not None
    return Envelope(
        event_id=f"e-{number}",
        timestamp=payload.timestamp,  # type: ignore[attr-defined]
        event_type=registered.name,
        schema_version=registered.version,
        payload=payload,
    )
