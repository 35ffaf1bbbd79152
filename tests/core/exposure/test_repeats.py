"""Repeats are found in a bounded memory: never a wrong one, and never a late one missed."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core._exposure.repeats import Repeats, key_of
from experimentframework_core.exposure import Subject

keys = st.integers(min_value=0, max_value=12)
steps = st.lists(st.tuples(st.sampled_from(["note", "forget"]), keys, st.integers(0, 5)))


@given(steps, st.integers(2, 9), st.sampled_from([None, 1.0, 4.0, 9.0]))
def test_it_answers_as_a_memory_of_all_does_where_that_is_due(
    steps: list[tuple[str, int, int]], most: int, window: float | None
) -> None:
    """Given a dict that remembers all, When both are asked, Then they differ only in the old."""
    repeats, everything, now = Repeats(), dict[int, float](), 0.0

    for what, key, pause in steps:
        now += pause
        if what == "forget":
            repeats.forget(key)
            everything.pop(key, None)
            continue
        latest = list(everything)[-(most // 2) :]
        first = everything.pop(key, None)
        expected = first is not None and (window is None or now - first < window)
        answer = repeats.note(key, now, most=most, window=window)
        everything[key] = first if answer and first is not None else now

        assert not answer or expected
        assert answer == expected or key not in latest
        assert len(repeats) <= most


@given(st.integers(2, 50), st.integers(1, 200))
def test_the_latest_half_is_remembered(most: int, count: int) -> None:
    """Given many exposures, When the latest half of the room comes again, Then all are known."""
    repeats = Repeats()
    for key in range(count):
        repeats.note(key, 0.0, most=most, window=None)

    again = range(max(0, count - most // 2), count)
    found = [repeats.note(key, 0.0, most=most, window=None) for key in again]

    assert all(found)


def test_a_key_tells_apart_what_differs() -> None:
    """Given exposures that differ in one id, When their keys are made, Then no two are equal."""
    keys = [
        key_of("a", "b", Subject("c")),
        key_of("a2", "b", Subject("c")),
        key_of("a", "b2", Subject("c")),
        key_of("a", "b", Subject("c2")),
        key_of("a", "b", Subject("c", subject_type="user")),
        key_of("a", "b", Subject("c", tenant_id="user")),
        key_of("a", "b", Subject("c", tenant_id="None")),
    ]

    assert len(set(keys)) == len(keys)


def test_a_key_is_the_same_for_equal_ids() -> None:
    one = key_of("checkout", "express", Subject("u-1", "user", "acme", {"a": 1}))
    other = key_of("check" + "out", "express", Subject("u-1", "user", "acme"))

    assert one == other


def test_what_is_no_name_has_no_key() -> None:
    names: Any = ["a list"]

    assert key_of(names, "express", Subject("u-1")) is None


def test_what_is_forgotten_is_no_repeat() -> None:
    """Given an exposure in either generation, When it is forgotten, Then it comes anew."""
    repeats = Repeats()
    for key in itertools.chain([1], range(2, 4)):
        repeats.note(key, 0.0, most=4, window=None)

    repeats.forget(1)
    repeats.forget(3)

    assert not repeats.note(1, 0.0, most=4, window=None)
    assert not repeats.note(3, 0.0, most=4, window=None)
