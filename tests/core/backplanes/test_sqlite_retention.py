"""When old rows are removed, and how many at a time."""

from __future__ import annotations

import pytest

from experimentframework_core.backplanes._sqlite_retention import Retention

DAY = 86_400_000_000
HOUR = 3_600_000_000
NOW = 1_000 * DAY


def test_nothing_expires_without_days() -> None:
    """Without ``retentionDays`` events are kept for ever."""
    retention = Retention(None)

    assert retention.expired_before(NOW) is None


def test_a_sweep_begins_at_once() -> None:
    """The first delivery removes what is older than the days."""
    retention = Retention(7)

    assert retention.expired_before(NOW) == NOW - 7 * DAY


def test_a_sweep_goes_on_while_slices_are_full() -> None:
    """As long as a slice finds all it may remove, there may be more."""
    retention = Retention(7)

    retention.removed(1000, 1000, NOW)

    assert retention.expired_before(NOW + 1) == NOW + 1 - 7 * DAY


def test_the_next_sweep_begins_after_an_hour() -> None:
    """When a slice found less than it may remove, an hour of rest follows."""
    retention = Retention(7)

    retention.removed(999, 1000, NOW)

    assert retention.expired_before(NOW + HOUR - 1) is None
    assert retention.expired_before(NOW + HOUR) == NOW + HOUR - 7 * DAY


@pytest.mark.parametrize(("batch", "slice_size"), [(0, 1000), (500, 1000), (5000, 10_000)])
def test_a_slice_outruns_what_comes_in(batch: int, slice_size: int) -> None:
    """A slice is at least twice the batch."""
    assert Retention(7).slice_size(batch) == slice_size
