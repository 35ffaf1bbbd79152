"""Where a reading stands."""

from __future__ import annotations

import pytest

from experimentframework_core.errors import ReplayError
from experimentframework_lake._position import WINDOW, Position
from experimentframework_lake._store import Stored

HOUR = 3600 * 1_000_000


def behind(*read: Stored) -> Position:
    """Return a position behind some objects, from its own checkpoint."""
    position = Position(None)
    for each in read:
        position.finish(each)
    return Position(position.checkpoint())


def test_it_begins_with_everything_and_no_checkpoint() -> None:
    """Given no checkpoint, When asked what is ahead, Then all is, by the time of writing."""
    position = Position(None)

    ahead = position.ahead([Stored(2, "a"), Stored(1, "b")])

    assert ahead == [Stored(1, "b"), Stored(2, "a")]
    assert position.checkpoint() is None


def test_what_was_read_is_not_ahead() -> None:
    """Given two objects of one moment and one is read, When going on, Then only the other is."""
    position = behind(Stored(HOUR, "a"))

    assert position.ahead([Stored(HOUR, "a"), Stored(HOUR, "b")]) == [Stored(HOUR, "b")]


def test_an_object_that_appears_late_is_ahead() -> None:
    """Given an object whose clock is slow, When it appears, Then it is read."""
    position = behind(Stored(HOUR, "a"))
    late = Stored(HOUR - WINDOW, "b")

    assert position.ahead([Stored(HOUR, "a"), late]) == [late]


def test_what_is_older_than_the_window_is_behind() -> None:
    """Given an object from before the window, When going on, Then it is taken for read."""
    position = behind(Stored(HOUR, "a"))

    assert position.ahead([Stored(HOUR - WINDOW - 1, "b")]) == []


def test_the_checkpoint_forgets_what_is_older_than_the_window() -> None:
    """Given a thousand objects over hours, When asked, Then the checkpoint names the last few."""
    position = Position(None)

    for number in range(1000):
        position.finish(Stored(number * WINDOW // 4, f"object-{number}"))

    assert len(position.checkpoint() or "") < 120


def test_each_checkpoint_is_where_the_reading_stands() -> None:
    """Given an object in the middle, When its end is reached, Then each checkpoint is another."""
    position = Position(None)
    first, second = Stored(HOUR, "a"), Stored(HOUR + 1, "b")
    position.finish(first)
    stood = [position.checkpoint()]

    for read in (1, 2):
        position.read(second, read, 2)
        stood.append(position.checkpoint())
    position.finish(second)
    stood.append(position.checkpoint())

    assert len(set(stood)) == 4
    assert [len(Position(at).ahead([first, second])) for at in stood] == [1, 1, 1, 0]


def test_a_begun_object_comes_first() -> None:
    """Given an object that is half read and an older one, When going on, Then it is finished."""
    begun = Position(None)
    begun.read(Stored(2, "b"), 3, 7)
    position = Position(begun.checkpoint())

    ahead = position.ahead([Stored(1, "a"), Stored(2, "b")])

    assert ahead == [Stored(2, "b"), Stored(1, "a")]
    assert position.begun is not None
    assert position.begun.read == 3


def test_what_is_left_of_an_object_that_is_gone_is_counted() -> None:
    """Given a half read object, When it is gone, Then its rest is lost, and nothing is begun."""
    position = Position(None)
    position.read(Stored(2, "b"), 3, 7)

    lost = position.give_up()

    assert lost == 4
    assert position.begun is None


@pytest.mark.parametrize("text", ["", "17", "17:abc", "x:", "1:0123456789abcdef:9"])
def test_a_foreign_checkpoint_is_refused(text: str) -> None:
    """Given a checkpoint of something else, When a reading is to go on, Then it is refused."""
    with pytest.raises(ReplayError, match="checkpoints of a lake"):
        Position(text)
