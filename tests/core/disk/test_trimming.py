"""Settled rows are deleted together, in few stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._disk import trimming as module
from experimentframework_core._disk.trimming import Trimming

if TYPE_CHECKING:
    import pytest


def test_what_follows_joins_the_stretch_before() -> None:
    """Given a stretch, when the next rows are settled, then they are deleted together."""
    trimming = Trimming()
    trimming.add(1, 3, join=True)

    trimming.add(4, 5, join=True)

    assert (trimming.begin(), trimming.events) == (((1, 5),), 5)


def test_what_is_settled_while_others_are_deleted_waits() -> None:
    """Given stretches that are being deleted, when more are settled, then these remain."""
    trimming = Trimming()
    trimming.add(1, 3, join=True)
    begun = trimming.begin()

    trimming.add(4, 4, join=False)
    trimming.done(len(begun))

    assert (trimming.begin(), trimming.events) == (((4, 4),), 1)


def test_stretches_of_several_lanes_become_few() -> None:
    """Given stretches that lanes settled in turn, when deleting begins, then they are joined."""
    trimming = Trimming()
    for number in (2, 1, 4, 3, 9):
        trimming.add(number, number, join=True)

    assert trimming.begin() == ((1, 4), (9, 9))


def test_what_an_earlier_process_left_is_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given many rows of an earlier process, then they are deleted with the next ones."""
    monkeypatch.setattr(module, "ENOUGH", 3)
    trimming = Trimming()
    trimming.found([(1, 1000)])
    before = trimming.worthwhile

    trimming.add(1001, 1002, join=True)

    assert (before, trimming.worthwhile) == (False, True)
    assert trimming.begin() == ((1, 1002),)
