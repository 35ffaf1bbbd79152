"""Sealed events share no bytes, whatever was sealed before, beside or in vain."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import codec
from experimentframework_core._gate.gate import Gate, Rules
from experimentframework_core.config import DataPlaneOptions
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import Exposure, event_type_of
from experimentframework_core.testing import make_exposure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.envelope import Record

MAX_BYTES = 10_000


@pytest.fixture
def gate() -> Gate:
    registered = event_type_of(Exposure)
    assert registered is not None
    return Gate(registered, Rules(DataPlaneOptions()), max_bytes=MAX_BYTES)


@pytest.fixture
def _eager_threads() -> Iterator[None]:
    """Have the interpreter change threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-9)
    yield
    sys.setswitchinterval(interval)


def seal(gate: Gate, event_id: str, **more: Any) -> Record:
    record = gate.seal(make_exposure(**more), event_id, None, None)
    assert record is not None
    return record


def facts(record: Record) -> tuple[str, str]:
    envelope = codec.decode(record.body)
    return envelope.event_id, envelope.payload.selection_reason


def test_records_keep_their_bytes_when_others_are_sealed(gate: Gate) -> None:
    """Given a short, a long and a short event, when all are sealed, then each has its own bytes."""
    reasons = {"1": "a", "2": "b" * 8000, "3": "c"}

    records = [seal(gate, number, selection_reason=reason) for number, reason in reasons.items()]

    assert [facts(record) for record in records] == list(reasons.items())


@pytest.mark.parametrize("reason", ["x" * MAX_BYTES, "y\ud800"])
def test_an_event_that_fails_leaves_nothing_behind(gate: Gate, reason: str) -> None:
    """Given an event that is too large or no UTF-8, when a good one follows, it is as before."""
    event = make_exposure()
    before = gate.seal(event, "1", None, None)

    with pytest.raises(InvalidEventError):
        seal(gate, "2", selection_reason=reason)

    assert gate.seal(event, "1", None, None) == before


@pytest.mark.usefixtures("_eager_threads")
def test_threads_that_seal_at_the_same_time_share_nothing(gate: Gate) -> None:
    """Given one gate, when four threads seal with it, then every record is of its own event."""
    names = [[f"{thread}-{number}" for number in range(2000)] for thread in range(4)]

    with ThreadPoolExecutor(4) as pool:
        sealed = pool.map(
            lambda mine: [seal(gate, name, selection_reason=name) for name in mine], names
        )

    assert [[facts(each) for each in records] for records in sealed] == [
        [(name, name) for name in mine] for mine in names
    ]
