"""What a report says: figures with their intervals, from a store's sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from experimentframework_core.cli._report_query import Found, Sums
from experimentframework_core.cli._statistics import (
    Interval,
    SampleRatio,
    mean_interval,
    rate_interval,
    sample_ratio,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Measure = Literal["rate", "perSubject", "mean"]
"""``rate``: the share of exposed subjects with the outcome. ``perSubject``: the total over all
exposed subjects, zero for those without. ``mean``: the mean over the subjects that have it, of
each one's own mean."""


class OutcomeFigure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One outcome of one variant.

    Attributes:
        variant: The variant.
        subjects: Subjects that have the outcome (``rate``: one that is not zero).
        value: The rate or mean; None where nobody has it.
        interval: Its 95 % interval; None for fewer than two subjects.
    """

    variant: str
    subjects: int
    value: float | None
    interval: Interval | None


class OutcomeReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One outcome, compared between the variants."""

    name: str
    outcome_type: str
    measure: Measure
    variants: tuple[OutcomeFigure, ...]


class ExperimentReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One experiment.

    Attributes:
        experiment: Its name.
        subjects: Distinct exposed subjects of each variant, by first exposure.
        crossovers: Subjects exposed to several variants; they count for the first.
        left_out: Outcomes of subjects never exposed, or from before the first exposure.
        sample_ratio: Whether the subjects are shared out as they should be.
        outcomes: By name.
    """

    experiment: str
    subjects: dict[str, int]
    crossovers: int
    left_out: int
    sample_ratio: SampleRatio
    outcomes: tuple[OutcomeReport, ...]


def experiment_report(
    experiment: str, found: Found, weights: Mapping[str, float] | None
) -> ExperimentReport:
    """Return the report of one experiment; ``weights`` None expects equal shares."""
    return ExperimentReport(
        experiment=experiment,
        subjects=found.exposed,
        crossovers=found.crossovers,
        left_out=found.left_out,
        sample_ratio=sample_ratio(found.exposed, weights or dict.fromkeys(found.exposed, 1.0)),
        outcomes=tuple(
            OutcomeReport(
                name=name,
                outcome_type=kind,
                measure=_measure(kind),
                variants=tuple(
                    _figure(_measure(kind), variant, exposed, by_variant.get(variant, Sums()))
                    for variant, exposed in found.exposed.items()
                ),
            )
            for (name, kind), by_variant in sorted(found.outcomes.items())
        ),
    )


def _measure(kind: str) -> Measure:
    measures: dict[str, Measure] = {"binary": "rate", "count": "perSubject"}
    return measures.get(kind, "mean")


def _figure(measure: Measure, variant: str, exposed: int, sums: Sums) -> OutcomeFigure:
    if measure == "rate":
        subjects, value = sums.positives, sums.positives / exposed
        interval = rate_interval(sums.positives, exposed)
    elif measure == "perSubject":
        subjects, value = sums.subjects, sums.total / exposed
        interval = mean_interval(value, sums.total_squares, exposed)
    else:
        subjects, value = sums.subjects, sums.mean
        interval = mean_interval(value, sums.mean_squares, subjects)
    return OutcomeFigure(
        variant=variant,
        subjects=subjects,
        value=value if subjects or measure != "mean" else None,
        interval=interval,
    )
