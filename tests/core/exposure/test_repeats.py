"""Repeats are found in a bounded memory: never a wrong one, and never a late one missed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core import Exposure
from experimentframework_core._exposure.repeats import Repeats, key_of

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


def exposure(**changed: str | None) -> Exposure:
    fields = {
        "experiment_name": "a",
        "variant_key": "b",
        "subject_id": "c",
        "subject_type": None,
        "tenant_id": None,
    } | changed
    return Exposure(selection_reason="x", **fields)  # type: ignore[arg-type]


def test_a_key_tells_apart_what_differs() -> None:
    """Given exposures that differ in one id, When their keys are made, Then no two are equal."""
    exposures = [
        exposure(),
        exposure(experiment_name="a2"),
        exposure(variant_key="b2"),
        exposure(subject_id="c2"),
        exposure(subject_type="user"),
        exposure(tenant_id="acme"),
        exposure(experiment_name="a', 'b", variant_key="b"),
        exposure(tenant_id="None"),
    ]

    found = {key_of(each) for each in exposures}

    assert len(found) == len(exposures)


@pytest.mark.parametrize("text", ["ä", "\ud800", "\x00", "x" * 10_000])
def test_a_key_is_made_of_any_text(text: str) -> None:
    """Given an id of any text, When its key is made twice, Then it is the same small number."""
    one, other = key_of(exposure(subject_id=text)), key_of(exposure(subject_id=text))

    assert one == other < 1 << 128


def test_what_is_forgotten_is_no_repeat() -> None:
    """Given an exposure in either generation, When it is forgotten, Then it comes anew."""
    repeats = Repeats()
    for key in itertools.chain([1], range(2, 4)):
        repeats.note(key, 0.0, most=4, window=None)

    repeats.forget(1)
    repeats.forget(3)

    assert not repeats.note(1, 0.0, most=4, window=None)
    assert not repeats.note(3, 0.0, most=4, window=None)
