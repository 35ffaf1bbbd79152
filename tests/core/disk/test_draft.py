"""What a disk buffer's commits say: rows, marks and trims; and when one is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._disk import draft as drafts
from experimentframework_core._disk import trimming
from experimentframework_core._disk.settled import Settled
from tests.core._channels import ids, make
from tests.core.disk._buffers import commit, deliver, empty, filled, numbers_of, opened, settle

if TYPE_CHECKING:
    import pytest


def test_numbers_are_gapless() -> None:
    """Given records, when they are taken, then a commit has the numbers 1, 2, 3 in their order."""
    buffer = filled("abc")

    made = buffer.draft.begin(trim=False)

    assert [(each.sequence, each.body[12:13]) for each in made.rows] == [
        (1, b"a"), (2, b"b"), (3, b"c"),
    ]  # fmt: skip
    assert (made.last, made.below) == (3, 1)


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


def test_goes_on_counting_where_the_journal_ends() -> None:
    """Given a journal that ends at 5, when a record comes, then its number is 6."""
    buffer = empty()
    buffer.recover(opened(5, below=6))

    buffer.offer(make("x"))

    assert numbers_of(buffer.draft.begin(trim=False)) == [6]


def test_trims_what_earlier_lives_have_settled() -> None:
    """Given marks below and above, when a journal is opened, then all of that may be trimmed."""
    buffer = empty()

    buffer.recover(opened(9, below=3, settled=[5, 6, 8]))

    assert buffer.draft.begin(trim=True).trim == ((1, 2), (5, 6), (8, 8))


def test_evicting_is_settling() -> None:
    """Given a written record, when it is dropped for a newer one, then a mark is due for it."""
    buffer = filled("ab")
    commit(buffer)

    evicted = buffer.evict()

    assert evicted is not None
    assert (evicted.event_id, buffer.draft.marks_due, buffer.events) == ("a", True, 1)
