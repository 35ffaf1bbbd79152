"""The plane is left with a long queue and a dead destination. Nothing here looks at a time."""

from __future__ import annotations

from tests.faults import stop
from tests.faults._scale import is_long

events = 100_000 if is_long else 20_000


def test_a_stop_with_a_disk_buffer_keeps_everything() -> None:
    """Given a queue on disk, when the plane is left, then a successor delivers all of it."""
    outcome = stop.of_disk(events)

    assert outcome.kept == outcome.later == outcome.queued == events + 1
    assert outcome.faults == ()


def test_a_stop_with_a_memory_buffer_counts_what_it_loses() -> None:
    """Given a queue in memory, when the plane is left, then every event of it is counted."""
    outcome = stop.of_memory(events)

    assert outcome.delivered + outcome.dropped == events + 1
    assert outcome.faults == ()
