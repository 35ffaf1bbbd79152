"""Intervals and the sample-ratio test, all computed by scipy (extra ``report``)."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Literal

import msgspec
from scipy.stats import binomtest, chisquare, t

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIDENCE = 0.95
MISMATCH_BELOW = 0.001
"""The p-value under which a sample ratio counts as mismatched: the usual alarm threshold."""

_LEAST_EXPECTED = 5.0
"""The chi-square approximation holds where every expected count is at least this."""


class Interval(msgspec.Struct, frozen=True):
    """A 95 % confidence interval."""

    low: float
    high: float


class SampleRatio(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether the variants got the shares of subjects that they should have got.

    Attributes:
        verdict: ``mismatch`` (p < 0.001), ``ok``, or ``notTested`` (fewer than two variants, or
            too few subjects).
        expected: The expected share of each variant, adding up to 1.
        statistic: The chi-square statistic; None where not tested.
        p_value: Its p-value; None where not tested.
    """

    verdict: Literal["mismatch", "ok", "notTested"]
    expected: dict[str, float]
    statistic: float | None = None
    p_value: float | None = None


def rate_interval(successes: int, subjects: int) -> Interval | None:
    """Return Wilson's interval of a rate; None without subjects."""
    if not subjects:
        return None
    found = binomtest(successes, subjects).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(float(found.low), float(found.high))


def mean_interval(mean: float, squares: float, subjects: int) -> Interval | None:
    """Return Student's interval of a mean.

    Args:
        mean: The mean over subjects.
        squares: The sum of squared deviations from ``mean``.
        subjects: How many subjects; None is returned for fewer than two.
    """
    freedom = subjects - 1
    if freedom < 1:
        return None
    error = sqrt(squares / freedom / subjects)
    if error == 0:
        return Interval(mean, mean)
    low, high = t.interval(CONFIDENCE, freedom, loc=mean, scale=error)
    return Interval(float(low), float(high))


def sample_ratio(subjects: Mapping[str, int], weights: Mapping[str, float]) -> SampleRatio:
    """Test the subjects of each variant against ``weights``, which need not add up to 1."""
    whole = sum(weights.values())
    expected = {variant: weight / whole for variant, weight in weights.items()}
    total = sum(subjects.values())
    if len(expected) < 2 or min(expected.values()) * total < _LEAST_EXPECTED:  # noqa: PLR2004
        return SampleRatio(verdict="notTested", expected=expected)
    found = chisquare(
        [subjects.get(variant, 0) for variant in expected],
        [share * total for share in expected.values()],
    )
    return SampleRatio(
        verdict="mismatch" if found.pvalue < MISMATCH_BELOW else "ok",
        expected=expected,
        statistic=float(found.statistic),
        p_value=float(found.pvalue),
    )
