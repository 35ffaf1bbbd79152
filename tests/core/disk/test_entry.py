"""Rows and records: their times by two clocks, and bodies that cannot be read."""

from __future__ import annotations

import pytest

from experimentframework_core._disk.entry import record_of
from tests.core._channels import make
from tests.core.disk._buffers import EPOCH, Clock, empty, opened, row


def test_a_row_has_the_wall_clocks_time() -> None:
    """Given the channel's clock and its distance from 1970, then a row says when by the latter."""
    clock = Clock()
    buffer = empty(clock=clock)
    clock.now = 123.4567
    buffer.offer(make("a"))

    made = buffer.draft.begin(trim=False)

    assert made.rows[0].accepted_at == round((EPOCH + 123.4567) * 1000)


def test_a_rows_age_is_its_true_age() -> None:
    """Given a row from before this process, when it is read, then its time is before it began."""
    clock = Clock()
    buffer = empty(clock=clock)
    buffer.recover(opened(1, size=60))

    buffer.windows.enter(0, row(1, at=-500.0), make(1))

    assert buffer.windows.queues[0].oldest(clock.now) == pytest.approx(-500.0)


def test_no_row_is_from_the_future() -> None:
    """Given a row from before the wall clock was set back, then it was accepted now."""
    clock = Clock()
    buffer = empty(clock=clock)
    buffer.recover(opened(1, size=60))

    buffer.windows.enter(0, row(1, at=9999.0), make(1))

    assert buffer.windows.queues[0].oldest(clock.now) == clock.now


def test_an_adopted_record_keeps_its_age() -> None:
    """Given a row that is adopted, then its own row says when it was accepted at first."""
    buffer = empty()

    buffer.adopt([(row(7, at=-20.0), make(7))])

    assert buffer.draft.begin(trim=False).rows[0].accepted_at == row(7, at=-20.0).accepted_at


def test_an_unreadable_body_is_kept_as_it_is() -> None:
    """Given a body that is no event, then a record is made that still has its bytes."""
    record = record_of(b"no event")

    assert (record.body, record.event_type) == (b"no event", "(unreadable)")
