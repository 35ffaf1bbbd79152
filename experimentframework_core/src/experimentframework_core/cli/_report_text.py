"""A report as a person reads it."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

from experimentframework_core.cli._output import count, printable, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from experimentframework_core.cli._report_figures import (
        ExperimentReport,
        Measure,
        OutcomeFigure,
        OutcomeReport,
    )
    from experimentframework_core.cli._statistics import SampleRatio

_MEASURED_AS: dict[Measure, str] = {
    "rate": "share of exposed",
    "perSubject": "mean per exposed",
    "mean": "mean of those with it",
}


def as_text(report: ExperimentReport) -> Iterator[str | Table]:
    """Yield what to print, in order."""
    total = sum(report.subjects.values())
    yield f"{printable(report.experiment)}: {count(total, 'exposed subject')}"
    yield ""
    yield table(
        "Variant",
        "#Subjects",
        "#Share",
        "#Expected",
        rows=[
            (
                variant,
                f"{subjects:,}",
                _percent(subjects / total, 0.1),
                _percent(report.sample_ratio.expected.get(variant, 0.0), 0.1),
            )
            for variant, subjects in report.subjects.items()
        ],
    )
    yield ratio_text(report.sample_ratio)
    yield from _remarks(report)
    if report.outcomes:
        yield ""
        yield table(
            "Outcome",
            "Measured as",
            "Variant",
            "#Subjects",
            "#Value",
            "#95 % interval",
            rows=[row for outcome in report.outcomes for row in _rows(outcome)],
        )


def ratio_text(ratio: SampleRatio) -> str:
    """Return the sample-ratio test in words."""
    if ratio.p_value is None:
        return "Sample ratio: not tested, too few variants or subjects."
    p_value = "p < 0.0001" if ratio.p_value < 0.0001 else f"p = {ratio.p_value:.4f}"  # noqa: PLR2004
    if ratio.verdict == "ok":
        return f"Sample ratio: as expected ({p_value})."
    return (
        f"WARNING: sample ratio mismatch ({p_value}). The variants did not get their shares of "
        "subjects; look for the cause before you believe any difference below."
    )


def _remarks(report: ExperimentReport) -> Iterator[str]:
    if report.crossovers:
        yield (
            f"Crossovers: {count(report.crossovers, 'subject')} saw several variants and "
            f"{'counts' if report.crossovers == 1 else 'count'} for the first."
        )
    if report.left_out:
        yield (
            f"Left out: {count(report.left_out, 'outcome')} of subjects without an exposure, "
            "or from before it."
        )


def _rows(outcome: OutcomeReport) -> Iterator[tuple[str, ...]]:
    for place, figure in enumerate(outcome.variants):
        names = (outcome.name, _MEASURED_AS[outcome.measure]) if place == 0 else ("", "")
        yield (
            *names,
            figure.variant,
            f"{figure.subjects:,}",
            *_values(figure, outcome.measure),
        )


def _values(figure: OutcomeFigure, measure: Measure) -> tuple[str, str]:
    if figure.value is None:
        return "-", "-"
    write = _percent if measure == "rate" else _number
    scale = figure.value or (figure.interval.high if figure.interval else 0.0)
    interval = figure.interval
    return write(figure.value, scale), (
        "-"
        if interval is None
        else f"{write(interval.low, scale)} to {write(interval.high, scale)}"
    )


def _percent(share: float, scale: float = 1.0) -> str:
    return f"{share * 100:.{_decimals(scale * 100, digits=3)}f} %"


def _number(value: float, scale: float) -> str:
    return f"{value:,.{_decimals(scale, digits=4)}f}"


def _decimals(scale: float, *, digits: int) -> int:
    """Return how many decimals show ``scale`` with so many significant digits, at most 6."""
    if scale == 0:
        return 0
    return min(6, max(0, digits - 1 - floor(log10(abs(scale)))))
