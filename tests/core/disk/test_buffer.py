"""The books of a disk buffer: what is written, marked, trimmed, read back, lost, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core._disk import draft as drafts
from experimentframework_core._disk import trimming, windows
from experimentframework_core._disk.buffer import Bounds, DiskBuffer
from experimentframework_core._disk.entry import record_of
from experimentframework_core._disk.journal import Commit, Opened, Row
from experimentframework_core._disk.settled import Settled
from experimentframework_core._rules.batch import Item
from experimentframework_core._rules.buffer import RECORD_OVERHEAD, size_of
from tests.core._channels import ids, key_of, make

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_core.envelope import Record

EPOCH = 1_700_000_000.0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def empty(*, lanes: int = 1, window: int = 4, clock: Any = None, **facts: Any) -> DiskBuffer:
    bounds = Bounds(window, 100_000, facts.pop("pending", 100), facts.pop("pending_bytes", 100_000))
    settings: dict[str, Any] = {"max_events": 1000, "max_bytes": 1_000_000, **facts}
    return DiskBuffer(
        lanes=lanes,
        key=key_of,
        bounds=bounds,
        clock=clock or Clock(),
        epoch=EPOCH,
        **settings,
    )


def filled(names: Iterable[object], **facts: Any) -> DiskBuffer:
    buffer = empty(**facts)
    for name in names:
        assert buffer.offer(make(name))
    return buffer


def commit(buffer: DiskBuffer, *, trim: bool = False) -> Commit:
    """Have a commit succeed."""
    made = buffer.draft.begin(trim=trim)
    buffer.draft.committed_records(made)
    return made


def deliver(buffer: DiskBuffer, numbers: list[int]) -> None:
    """Have these taken out of the only window, whose oldest they are, and delivered."""
    cut = buffer.windows.queues[0].cut(len(numbers), 100_000, 0.0)
    assert list(cut.numbers) == numbers
    buffer.release(cut.records, cut.numbers)


def settle(buffer: DiskBuffer, records: list[Record], numbers: list[int]) -> None:
    buffer.release(records, numbers)


def numbers_of(made: Commit) -> list[int]:
    return [row.sequence for row in made.rows]


def opened(last: int, below: int = 1, settled: Iterable[int] = (), size: int = 0) -> Opened:
    marks = Settled(below)
    for number in settled:
        marks.add(number)
    return Opened(
        last=last,
        below=marks.below,
        blocks=marks.blocks(),
        bytes=size,
        recovered=marks.unsettled(last),
        lost=None,
        ends_at=last,
        cut=False,
    )


def row(number: int, *, at: float = 50.0) -> Row:
    return Row(number, round((EPOCH + at) * 1000), 0, make(number).body)


# What goes to the journal.


def test_numbers_are_gapless() -> None:
    """Given records, when they are taken, then a commit has the numbers 1, 2, 3 in their order."""
    buffer = filled("abc")

    made = buffer.draft.begin(trim=False)

    assert [(each.sequence, each.body[12:13]) for each in made.rows] == [
        (1, b"a"), (2, b"b"), (3, b"c"),
    ]  # fmt: skip
    assert (made.last, made.below) == (3, 1)


def test_a_row_has_the_wall_clocks_time() -> None:
    """Given the channel's clock and its distance from 1970, then a row says when by the latter."""
    clock = Clock()
    buffer = empty(clock=clock)
    clock.now = 123.4567
    buffer.offer(make("a"))

    made = buffer.draft.begin(trim=False)

    assert made.rows[0].accepted_at == round((EPOCH + 123.4567) * 1000)


def test_what_is_delivered_first_is_not_written() -> None:
    """Given a record that is delivered before its commit, then the commit leaves its row out."""
    buffer = filled("abc")
    deliver(buffer, [1])

    made = buffer.draft.begin(trim=False)

    assert (numbers_of(made), made.below, made.last) == ([2, 3], 2, 3)


def test_a_commit_says_the_bytes_of_what_is_unsettled() -> None:
    """Given records of which one is delivered, then the commit has the bodies of the others."""
    buffer = filled("abc")
    deliver(buffer, [1])

    made = buffer.draft.begin(trim=False)

    assert made.bytes == 2 * 60


def test_a_written_record_is_not_written_again() -> None:
    """Given a commit that succeeded, then the next one has only what came after it."""
    buffer = filled("ab")
    commit(buffer)
    buffer.offer(make("c"))

    made = buffer.draft.begin(trim=False)

    assert numbers_of(made) == [3]


def test_a_failed_commit_is_given_again() -> None:
    """Given a commit that failed, then the next one has its rows, and its marks are due."""
    buffer = filled("ab")
    buffer.draft.begin(trim=False)
    buffer.draft.failed()
    buffer.offer(make("c"))

    made = buffer.draft.begin(trim=False)

    assert numbers_of(made) == [1, 2, 3]


def test_tells_what_a_commit_has_written() -> None:
    """Given a commit, when another record comes meanwhile, then only the written ones are told."""
    buffer = filled("ab")
    made = buffer.draft.begin(trim=False)
    buffer.offer(make("c"))

    written = buffer.draft.committed_records(made)

    assert ids(written) == ["a", "b"]
    assert (buffer.draft.is_written(2), buffer.draft.is_written(3)) == (True, False)


def test_what_was_delivered_unwritten_counts_as_written() -> None:
    """Given records that are all delivered before any commit, then nobody waits for one."""
    buffer = filled("ab")

    deliver(buffer, [1, 2])

    assert buffer.draft.is_written(2)
    assert not buffer.draft.commit_due


def test_marks_are_due_once_a_written_record_is_settled() -> None:
    """Given a written record, when it is delivered, then a commit with its mark is due."""
    buffer = filled("ab")
    commit(buffer)
    assert not buffer.draft.commit_due

    deliver(buffer, [1])

    assert buffer.draft.marks_due
    assert buffer.draft.begin(trim=False).below == 2


def test_what_is_settled_while_it_is_written_is_marked_next() -> None:
    """Given a commit on its way, when a record of it is delivered, then its mark is still due."""
    buffer = filled("ab")
    made = buffer.draft.begin(trim=False)

    deliver(buffer, [1])
    buffer.draft.committed_records(made)

    assert buffer.draft.marks_due
    assert buffer.draft.begin(trim=True).trim == ((1, 1),)


def test_what_is_settled_out_of_order_is_in_a_block() -> None:
    """Given three written records, when the last is settled, then the commit says so in bits."""
    buffer = filled("abc")
    commit(buffer)

    settle(buffer, [make("c")], [3])
    made = buffer.draft.begin(trim=False)

    assert made.below == 1
    assert 3 in Settled(made.below, made.blocks)


def test_trims_what_is_settled_in_few_ranges() -> None:
    """Given two lanes that settle side by side, then their stretches are trimmed as one."""
    buffer = filled("abcdef", window=10)
    commit(buffer)
    for numbers in ([1, 3, 5], [2, 4, 6]):
        settle(buffer, [make("a")] * 3, numbers)

    made = buffer.draft.begin(trim=True)

    assert made.trim == ((1, 6),)


def test_trims_after_a_commit_of_unknown_outcome() -> None:
    """Given a failed commit whose rows may be in the file, when they settle, they are trimmed."""
    buffer = filled("ab")
    buffer.draft.begin(trim=False)
    buffer.draft.failed()
    deliver(buffer, [1, 2])

    made = buffer.draft.begin(trim=True)

    assert numbers_of(made) == []
    assert (made.below, made.trim) == (3, ((1, 2),))


def test_a_failed_trim_is_given_again() -> None:
    """Given a trim whose commit failed, then the next trim has its ranges again."""
    buffer = filled("ab")
    commit(buffer)
    deliver(buffer, [1])
    buffer.draft.begin(trim=True)
    buffer.draft.failed()

    made = buffer.draft.begin(trim=True)

    assert made.trim == ((1, 1),)


def test_many_settled_rows_are_reason_for_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given marks that are written, when enough rows wait for deletion, then a commit is due."""
    monkeypatch.setattr(trimming, "ENOUGH", 2)
    buffer = filled("ab")
    commit(buffer)
    deliver(buffer, [1])
    commit(buffer)
    assert not buffer.draft.commit_due

    deliver(buffer, [2])
    commit(buffer)

    assert buffer.draft.commit_due
    assert buffer.draft.trim_worthwhile


def test_what_nobody_waits_for_is_put_off_where_that_is_wanted() -> None:
    """Given a lazy buffer, then a commit is due only once somebody waits for it."""
    buffer = filled("ab", lazy=True)
    assert not buffer.draft.commit_due

    buffer.draft.want_written()

    assert buffer.draft.commit_due


def test_what_fills_half_of_the_memory_is_not_put_off() -> None:
    """Given a lazy buffer, when more than half of what may be pending is, then it is written."""
    buffer = filled(range(6), lazy=True, pending=10)

    assert (buffer._pending.half_full, buffer.draft.commit_due) == (True, True)


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


def test_the_writer_is_woken_once_for_what_waits_together() -> None:
    """Given a writer that knows of a record, when others follow, then it is not woken again."""
    woken: list[int] = []
    buffer = empty()
    buffer.draft.on_write = lambda: woken.append(buffer.draft.last)
    for name in "abc":
        buffer.offer(make(name))
        buffer.draft.want_written()

    commit(buffer)
    buffer.offer(make("d"))

    assert woken == [1, 4]


def test_enough_that_somebody_waits_for_is_reason_for_a_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given records that somebody waits for, when they are enough, then the writer is woken."""
    monkeypatch.setattr(drafts, "ENOUGH_EVENTS", 3)
    woken: list[int] = []
    buffer = filled("ab")
    buffer.draft.on_write = lambda: woken.append(buffer.draft.last)
    buffer.draft.want_written()
    before = buffer.draft.commit_is_worthwhile

    buffer.offer(make("c"))
    buffer.draft.want_written()

    assert (before, buffer.draft.commit_is_worthwhile, woken) == (False, True, [3])


def test_who_waits_behind_many_that_nobody_awaits_is_reason_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given many records that nobody awaits, when one is awaited, then the writer is woken once."""
    monkeypatch.setattr(drafts, "ENOUGH_EVENTS", 3)
    woken: list[int] = []
    buffer = filled("abcd")
    buffer.draft.on_write = lambda: woken.append(buffer.draft.last)

    for name in "ef":
        buffer.offer(make(name))
        buffer.draft.want_written()

    assert woken == [5]


def test_enough_that_nobody_waits_for_is_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given many records that nobody waits for, then they gather as long as they may."""
    monkeypatch.setattr(drafts, "ENOUGH_EVENTS", 3)
    buffer = filled("abcd")

    assert not buffer.draft.commit_is_worthwhile


def test_leaves_what_was_never_written() -> None:
    """Given records of which one is delivered and one written, then the others are given up."""
    buffer = filled("a")
    commit(buffer)
    buffer.offer(make("b"))
    buffer.offer(make("c"))
    settle(buffer, [make("b")], [2])

    left = buffer.draft.leave_unwritten()

    assert [(item.record.event_id, item.sequence) for item in left] == [("c", 3)]
    assert buffer.draft.unwritten == 1


# What a process finds.


def test_recovers_the_books() -> None:
    """Given a journal with three unsettled of five, then they are counted with their bytes."""
    buffer = empty()

    buffer.recover(opened(5, settled=[1, 3], size=180))

    assert (buffer.events, buffer.recovered, buffer.enqueued) == (3, 3, 0)
    assert buffer.bytes == 180 + 3 * RECORD_OVERHEAD
    assert buffer.unsettled(5) == 3


def test_goes_on_counting_where_the_journal_ends() -> None:
    """Given a journal that ends at 5, when a record comes, then its number is 6."""
    buffer = empty()
    buffer.recover(opened(5, below=6))

    buffer.offer(make("x"))

    assert numbers_of(buffer.draft.begin(trim=False)) == [6]


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


def test_trims_what_earlier_lives_have_settled() -> None:
    """Given marks below and above, when a journal is opened, then all of that may be trimmed."""
    buffer = empty()

    buffer.recover(opened(9, below=3, settled=[5, 6, 8]))

    assert buffer.draft.begin(trim=True).trim == ((1, 2), (5, 6), (8, 8))


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


# What comes back from disk.


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


# What comes from others, and what is lost.


def test_adopts_without_bounds_and_counts_as_recovered() -> None:
    """Given a full buffer, when rows are adopted, then they are in the books as recovered."""
    buffer = filled("ab", max_events=2)

    buffer.adopt([(row(7), make(7)), (row(9), make(9))])

    assert (buffer.enqueued, buffer.recovered, buffer.events) == (2, 2, 4)
    assert numbers_of(buffer.draft.begin(trim=False)) == [1, 2, 3, 4]


def test_an_adopted_record_keeps_its_age() -> None:
    """Given a row that is adopted, then its own row says when it was accepted at first."""
    buffer = empty()

    buffer.adopt([(row(7, at=-20.0), make(7))])

    assert buffer.draft.begin(trim=False).rows[0].accepted_at == row(7, at=-20.0).accepted_at


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


def test_what_is_lost_leaves_the_books() -> None:
    """Given rows that are on disk only, when they are lost, then they are settled and counted."""
    buffer = filled(range(9), window=4)
    commit(buffer)

    lost = buffer.lose([(6, 7)], ())

    assert (lost, buffer.events, buffer.unsettled(9)) == (2, 7, 7)
    assert buffer.bytes == 7 * size_of(make(0))


def test_what_memory_holds_is_not_lost_and_written_again() -> None:
    """Given damaged rows that a window or a lane holds, then the next commit writes them again."""
    buffer = filled(range(6), window=4)
    commit(buffer)
    cut = buffer.windows.queues[0].cut(1, 100_000, 0.0)
    held = [Item(cut.records[0], 1, cut.accepted_at)]

    lost = buffer.lose([(1, 2), (6, 6)], held)

    assert lost == 1
    assert numbers_of(buffer.draft.begin(trim=False)) == [1, 2]


@pytest.mark.parametrize("works", [True, False])
def test_what_is_lost_while_a_commit_is_on_its_way_is_written_again(*, works: bool) -> None:
    """Given damage found by a commit, then memory's row is in the next one, not called written."""
    buffer = filled("ab")
    commit(buffer)
    buffer.offer(make("c"))
    made = buffer.draft.begin(trim=False)

    buffer.lose([(2, 2)], ())
    if works:
        buffer.draft.committed_records(made)
    else:
        buffer.draft.failed()

    assert buffer.draft.commit_due
    assert numbers_of(buffer.draft.begin(trim=False)) == ([2] if works else [2, 3])


def test_the_writer_is_woken_for_what_is_written_again() -> None:
    """Given committed records in memory, when their rows are lost, then the writer is woken."""
    buffer = filled("ab")
    commit(buffer)
    woken: list[bool] = []
    buffer.draft.on_write = lambda: woken.append(buffer.draft.commit_due)

    buffer.lose([(1, 2)], ())

    assert woken[-1:] == [True]


def test_what_is_lost_twice_is_written_again_once() -> None:
    """Given damage that is met again before the next commit, then each row is in that once."""
    buffer = filled("abc")
    commit(buffer)

    buffer.lose([(1, 2)], ())
    buffer.lose([(2, 3)], ())

    assert numbers_of(buffer.draft.begin(trim=False)) == [1, 2, 3]


def test_every_mark_is_written_after_a_loss() -> None:
    """Given marks that the old file had, when the file is made anew, then they are given again."""
    buffer = filled(range(6), window=10)
    commit(buffer)
    settle(buffer, [make("x")], [4])
    commit(buffer)

    buffer.lose([(2, 2)], ())
    made = buffer.draft.begin(trim=False)

    assert 4 in Settled(made.below, made.blocks)


def test_what_is_not_written_yet_cannot_be_lost() -> None:
    """Given a salvage that names numbers behind the last commit, then these are not lost."""
    buffer = filled("ab", window=1)
    commit(buffer)
    buffer.offer(make("c"))

    lost = buffer.lose([(1, 9)], ())

    assert (lost, buffer.unsettled(3)) == (1, 2)
    assert numbers_of(buffer.draft.begin(trim=False)) == [1, 3]


def test_bytes_end_at_zero_after_a_loss() -> None:
    """Given a loss of unknown size, when all else is settled, then no bytes are left or owed."""
    buffer = empty(window=1)
    for number, size in enumerate((60, 3000, 60)):
        buffer.offer(make(number, size=size))
    commit(buffer)
    buffer.lose([(3, 3)], ())

    settle(buffer, [make(0), make(1, size=3000)], [1, 2])

    assert (buffer.events, buffer.bytes) == (0, 0)


def test_bytes_are_never_negative() -> None:
    """Given a small record that was lost as one of average size, then the rest is above zero."""
    buffer = empty(window=1)
    for number, size in enumerate((3000, 60, 60)):
        buffer.offer(make(number, size=size))
    commit(buffer)
    buffer.lose([(2, 2)], ())

    settle(buffer, [make(0, size=3000)], [1])

    assert buffer.bytes >= RECORD_OVERHEAD


def test_evicting_is_settling() -> None:
    """Given a written record, when it is dropped for a newer one, then a mark is due for it."""
    buffer = filled("ab")
    commit(buffer)

    evicted = buffer.evict()

    assert evicted is not None
    assert (evicted.event_id, buffer.draft.marks_due, buffer.events) == ("a", True, 1)


def test_hands_everything_over_once() -> None:
    """Given records on disk, when the plane closes, then they leave this process's books."""
    buffer = filled("abc")

    kept = [buffer.hand_over(), buffer.hand_over()]

    assert (kept, buffer.events, buffer.bytes) == ([3, 0], 0, 0)


def test_an_unreadable_body_is_kept_as_it_is() -> None:
    """Given a body that is no event, then a record is made that still has its bytes."""
    record = record_of(b"no event")

    assert (record.body, record.event_type) == (b"no event", "(unreadable)")
