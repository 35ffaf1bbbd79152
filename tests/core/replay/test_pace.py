"""How fast events may go."""

from __future__ import annotations

from experimentframework_core._replay.pace import Pace


def test_no_second_has_more_than_so_many() -> None:
    """Given a pace of 100 a second, When events wait, Then 200 take two seconds."""
    pace, now = Pace(100), 0.0

    for _ in range(201):
        now += pace.wait(now)

    assert 1.85 <= now <= 2.0


def test_who_is_slower_never_waits() -> None:
    """Given a pace of 100 a second, When one comes each 20 ms, Then none waits."""
    pace = Pace(100)

    waits = [pace.wait(number * 0.02) for number in range(50)]

    assert set(waits) == {0.0}


def test_a_pause_is_not_made_up_for() -> None:
    """Given a pause of a minute, When events come again, Then a tenth of a second is saved."""
    pace = Pace(100)
    pace.wait(0.0)

    waits = [pace.wait(60.0) for _ in range(20)]

    assert waits[0] == 0.0
    assert waits[-1] > 0.0
