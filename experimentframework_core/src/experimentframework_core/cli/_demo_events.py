"""A believable experiment of 2,000 subjects: the same figures each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from experimentframework_core.events import Exposure, Outcome, OutcomeType

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPERIMENT = "checkout"
SUBJECTS = 2_000

_SEED = 11
_DAYS = 14
_PURCHASE_RATE = {"control": 0.21, "express": 0.27}
_SECONDS = {"control": 96.0, "express": 61.0}
_CROSSOVER_RATE = 0.004
_RETURN_RATE = 0.2


def events(end: datetime) -> list[Exposure | Outcome]:
    """Return the events of the two weeks before ``end``, in the order in which they happened."""
    random = Random(_SEED)  # noqa: S311 - figures for show
    made = [
        event
        for number in range(1, SUBJECTS + 1)
        for event in _visits(f"u-{number:04d}", end, random)
    ]
    return sorted(made, key=lambda event: event.timestamp)


def _visits(subject: str, end: datetime, random: Random) -> Iterator[Exposure | Outcome]:
    variant = random.choice(("control", "express"))
    first = end - timedelta(seconds=random.uniform(7_200, _DAYS * 86_400))
    yield _exposure(subject, variant, first)
    pages = 1 + int(random.expovariate(0.3))
    yield _outcome(subject, OutcomeType.COUNT, "pagesViewed", pages, first, 60)
    if random.random() < _RETURN_RATE:
        again = variant if random.random() > _CROSSOVER_RATE / _RETURN_RATE else _other(variant)
        yield _exposure(subject, again, first + timedelta(minutes=30), is_repeat=True)
    if random.random() < _PURCHASE_RATE[variant]:
        yield from _purchase(subject, variant, first, random)


def _purchase(subject: str, variant: str, first: datetime, random: Random) -> Iterator[Outcome]:
    seconds = round(random.lognormvariate(0, 0.4) * _SECONDS[variant], 1)
    amount = round(random.lognormvariate(3.7, 0.5), 2)
    yield _outcome(subject, OutcomeType.BINARY, "purchase", 1, first, seconds)
    yield _outcome(subject, OutcomeType.CONTINUOUS, "orderValue", amount, first, seconds)
    yield _outcome(subject, OutcomeType.DURATION, "checkoutSeconds", seconds, first, seconds)


def _other(variant: str) -> str:
    return "express" if variant == "control" else "control"


def _exposure(subject: str, variant: str, when: datetime, *, is_repeat: bool = False) -> Exposure:
    return Exposure(
        experiment_name=EXPERIMENT,
        variant_key=variant,
        subject_id=subject,
        timestamp=when,
        selection_reason="hash-assignment",
        is_repeat_exposure=is_repeat,
    )


def _outcome(  # noqa: PLR0917 - the columns of a table
    subject: str, kind: OutcomeType, name: str, value: float, first: datetime, seconds: float
) -> Outcome:
    return Outcome(
        experiment_name=EXPERIMENT,
        subject_id=subject,
        outcome_type=kind,
        name=name,
        value=value,
        timestamp=first + timedelta(seconds=seconds),
    )
