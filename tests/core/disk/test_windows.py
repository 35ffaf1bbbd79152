"""The windows of all lanes: what enters from memory, and what is read from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._disk import windows
from experimentframework_core._disk.journal import Row
from tests.core._channels import ids, make
from tests.core.disk._buffers import commit, deliver, empty, filled, opened, row

if TYPE_CHECKING:
    import pytest


def test_every_lane_reads_from_the_first_unsettled() -> None:
    """Given a journal with work for several lanes, then each wants what is behind the mark."""
    buffer = empty(lanes=2)
    buffer.recover(opened(5, below=3))

    wants = buffer.windows.wants()

    assert [(want.after, want.lane, want.lanes, want.most) for want in wants] == [
        (2, 0, 2, 4), (2, 1, 2, 4),
    ]  # fmt: skip


def test_a_new_record_does_not_pass_recovered_ones() -> None:
    """Given a journal that was not read yet, when a record comes, then it waits behind it."""
    buffer = empty()
    buffer.recover(opened(1, size=60))

    buffer.offer(make("x"))

    assert ids(buffer.windows.queues[0].records) == []
    assert buffer.windows.starving


def test_a_drained_journal_is_not_read() -> None:
    """Given a journal in which all is settled, then no lane wants anything."""
    buffer = empty(lanes=2)

    buffer.recover(opened(5, below=6))

    assert buffer.windows.wants() == []
    assert not buffer.windows.starving


def test_a_settled_row_is_not_delivered_again() -> None:
    """Given a page with settled rows that are not trimmed yet, then only the others enter."""
    buffer = empty()
    buffer.recover(opened(4, settled=[1, 3], size=120))

    for number in (2, 3, 4):
        buffer.windows.enter(0, row(number), make(number))

    assert list(buffer.windows.queues[0].numbers) == [2, 4]


def test_reading_ends_where_the_journal_does() -> None:
    """Given a page up to the end of the journal, then the lane is not behind any more."""
    buffer = empty()
    buffer.recover(opened(3, size=60, settled=[1, 2]))
    buffer.windows.enter(0, row(3), make(3))

    buffer.windows.read_through(0, 3)

    assert not buffer.windows.queues[0].behind


def test_catches_up_with_what_is_not_written_yet() -> None:
    """Given a journal read to its end, then records that came meanwhile enter from memory."""
    buffer = empty()
    buffer.recover(opened(1, size=60))
    buffer.offer(make("x"))
    buffer.windows.enter(0, row(1), make(1))

    buffer.windows.read_through(0, 1)

    assert list(buffer.windows.queues[0].numbers) == [1, 2]
    assert not buffer.windows.queues[0].behind


def test_catches_up_as_far_as_there_is_room() -> None:
    """Given more unwritten records than the window has room for, then it stays behind."""
    buffer = filled(range(9), window=4)
    deliver(buffer, [1, 2, 3])

    wants = buffer.windows.wants()

    assert wants == []
    assert list(buffer.windows.queues[0].numbers) == [4, 5, 6, 7]
    assert buffer.windows.queues[0].behind


def test_what_is_written_meanwhile_is_read_from_disk() -> None:
    """Given records beyond the window, when they are written, then the lane wants them."""
    buffer = filled(range(9), window=4)
    commit(buffer)
    deliver(buffer, [1, 2, 3])

    (want,) = buffer.windows.wants()

    assert (want.after, want.most) == (4, 3)


def test_a_page_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a window with more room than a page has, then the page's bound holds."""
    monkeypatch.setattr(windows, "PAGE_EVENTS", 2)
    buffer = empty(window=50)
    buffer.recover(opened(9, size=540))

    (want,) = buffer.windows.wants()

    assert want.most == 2


def test_an_adopted_record_larger_than_half_of_the_window_has_its_turn() -> None:
    """Given one that does not fit beside another, when there is no page for it, then it comes."""
    buffer = empty(max_events=10)
    queue = buffer.windows.queues[0]
    queue._max_bytes = 1000
    buffer.offer(make("a", size=400))
    adopted = make("b", size=700)
    buffer.adopt([(Row(1, 0, 0, adopted.body), adopted)])

    wants = buffer.windows.wants()

    assert (wants, buffer.windows.starving, list(queue.numbers)) == ([], False, [1, 2])
