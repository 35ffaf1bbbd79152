"""What a disk buffer makes of rows that its journal can no longer read."""

from __future__ import annotations

import pytest

from experimentframework_core._disk.settled import Settled
from experimentframework_core._rules.batch import Item
from experimentframework_core._rules.buffer import RECORD_OVERHEAD, size_of
from tests.core._channels import make
from tests.core.disk._buffers import commit, empty, filled, numbers_of, settle


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
