"""Intervals and the sample-ratio test, against published figures."""

from __future__ import annotations

import pytest

from experimentframework_core.cli._statistics import (
    Interval,
    mean_interval,
    rate_interval,
    sample_ratio,
)


def test_wilsons_interval_of_a_rate() -> None:
    """81 of 263: Newcombe 1998, table I, method 3."""
    interval = rate_interval(81, 263)

    assert interval is not None
    assert interval.low == pytest.approx(0.2553, abs=5e-5)
    assert interval.high == pytest.approx(0.3662, abs=5e-5)


@pytest.mark.parametrize("successes", [0, 40])
def test_an_interval_of_a_rate_stays_between_0_and_1(successes: int) -> None:
    interval = rate_interval(successes, 40)

    assert interval is not None
    assert 0 <= interval.low < interval.high <= 1


def test_there_is_no_interval_without_subjects() -> None:
    assert rate_interval(0, 0) is None
    assert mean_interval(0.0, 0.0, 1) is None


def test_students_interval_of_a_mean() -> None:
    """Mean 10, variance 4, 25 subjects: 10 ± 2.0639 * 2 / 5."""
    interval = mean_interval(10.0, 4.0 * 24, 25)

    assert interval is not None
    assert interval.low == pytest.approx(10 - 0.82556, abs=1e-4)
    assert interval.high == pytest.approx(10 + 0.82556, abs=1e-4)


def test_equal_values_have_an_interval_without_width() -> None:
    assert mean_interval(3.0, 0.0, 10) == Interval(3.0, 3.0)


def test_equal_shares_of_about_equal_size_are_as_expected() -> None:
    found = sample_ratio({"a": 1010, "b": 990}, {"a": 1, "b": 1})

    assert found.verdict == "ok"
    assert found.statistic == pytest.approx(0.2)
    assert found.p_value == pytest.approx(0.6547, abs=1e-4)


def test_a_split_that_is_off_is_a_mismatch() -> None:
    found = sample_ratio({"a": 821_588, "b": 815_482}, {"a": 50, "b": 50})

    assert found.verdict == "mismatch"
    assert found.p_value == pytest.approx(1.8e-6, abs=1e-7)


def test_a_planned_split_is_what_is_tested() -> None:
    found = sample_ratio({"a": 900, "b": 100}, {"a": 90, "b": 10})

    assert found.verdict == "ok"
    assert found.expected == {"a": 0.9, "b": 0.1}
    assert found.p_value == pytest.approx(1.0)


def test_a_planned_variant_that_nobody_saw_counts() -> None:
    assert sample_ratio({"a": 100}, {"a": 1, "b": 1}).verdict == "mismatch"


@pytest.mark.parametrize("subjects", [{"a": 1000}, {"a": 3, "b": 4}, {}])
def test_too_few_variants_or_subjects_are_not_tested(subjects: dict[str, int]) -> None:
    found = sample_ratio(subjects, dict.fromkeys(subjects, 1.0))

    assert found.verdict == "notTested"
    assert found.p_value is None
