"""The bounds of a disk buffer, in memory and in all, and what it counts."""

from __future__ import annotations

from experimentframework_core._rules.buffer import RECORD_OVERHEAD
from tests.core._channels import make
from tests.core.disk._buffers import commit, empty, filled, numbers_of, opened, row


def test_congestion_ends_with_a_commit() -> None:
    """Given as many pending records as may be, then there is no room until they are written."""
    buffer = filled(range(3), pending=3)
    refused = buffer.offer(make("x"))

    commit(buffer)

    assert not refused
    assert buffer.offer(make("y"))


def test_who_waits_for_a_record_is_not_held_back_by_others_commits() -> None:
    """Given as many pending records as may be, when somebody awaits one, then it is taken."""
    buffer = filled(range(3), pending=3)

    taken = buffer.offer_awaited(make("x"))

    assert taken
    assert numbers_of(buffer.draft.begin(trim=False)) == [1, 2, 3, 4]


def test_awaited_records_do_not_fill_the_memory_where_the_disk_takes_none() -> None:
    """Given twice as many pending records as may be, then an awaited one finds no room."""
    buffer = filled(range(3), pending=3)
    taken = [buffer.offer_awaited(make(name)) for name in "abcd"]

    assert list(map(bool, taken)) == [True, True, True, False]


def test_an_awaited_record_is_bounded_like_the_others() -> None:
    """Given a full buffer whose commits are slow, then an awaited record finds no room either."""
    buffer = filled(range(3), pending=3, max_events=3)

    taken = buffer.offer_awaited(make("x"))

    assert not taken
    assert buffer.events == 3


def test_nobody_passes_those_who_wait_for_room() -> None:
    """Given publishers that wait for room, then an awaited record waits behind them."""
    buffer = filled(range(3), pending=3)
    buffer.hold_back(newcomers=True)

    taken = buffer.offer_awaited(make("x"))

    assert not taken


def test_recovers_the_books() -> None:
    """Given a journal with three unsettled of five, then they are counted with their bytes."""
    buffer = empty()

    buffer.recover(opened(5, settled=[1, 3], size=180))

    assert (buffer.events, buffer.recovered, buffer.enqueued) == (3, 3, 0)
    assert buffer.bytes == 180 + 3 * RECORD_OVERHEAD
    assert buffer.unsettled(5) == 3


def test_adopts_without_bounds_and_counts_as_recovered() -> None:
    """Given a full buffer, when rows are adopted, then they are in the books as recovered."""
    buffer = filled("ab", max_events=2)

    buffer.adopt([(row(7), make(7)), (row(9), make(9))])

    assert (buffer.enqueued, buffer.recovered, buffer.events) == (2, 2, 4)
    assert numbers_of(buffer.draft.begin(trim=False)) == [1, 2, 3, 4]


def test_hands_everything_over_once() -> None:
    """Given records on disk, when the plane closes, then they leave this process's books."""
    buffer = filled("abc")

    kept = [buffer.hand_over(), buffer.hand_over()]

    assert (kept, buffer.events, buffer.bytes) == ([3, 0], 0, 0)
