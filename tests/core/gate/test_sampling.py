"""Which subjects are kept: the same in every process and language, whatever the event."""

from __future__ import annotations

import json
from enum import StrEnum
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from experimentframework_core._gate.sampling import Sampler
from experimentframework_core.events import (
    Assignment,
    ExperimentError,
    Exposure,
    Governance,
    GovernanceAction,
)
from experimentframework_core.testing import FaultyBackplane, make_envelope, make_outcome
from tests.core._planes import envelopes, opened

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "sampling_vectors.json").read_bytes())
SALT = "experimentframework.sampling.v1"


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: repr(vector["subject"]))
def test_the_committed_vectors_hold(vector: dict[str, Any]) -> None:
    """Given a committed vector, when its subject is sampled at each rate, then it is as written."""
    samplers = {rate: Sampler(rate, vector["salt"]) for rate in (0.01, 0.1, 0.25, 0.5, 0.9)}

    kept = {str(rate): sampler.keeps(vector["subject"]) for rate, sampler in samplers.items()}

    assert kept == {str(rate): int(vector["hash"], 16) < int(rate * 2**64) for rate in samplers}
    assert kept == vector["kept"]


@pytest.mark.parametrize(("rate", "kept"), [(0.0, 0), (1.0, 1000)])
def test_the_ends_of_the_scale(rate: float, kept: int) -> None:
    """Given rate 0 or 1, when subjects are sampled, then none, or all, are kept."""
    sampler = Sampler(rate, SALT)

    assert sum(sampler.keeps(str(number)) for number in range(1000)) == kept


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_the_share_is_the_rate(rate: float) -> None:
    """Given 100,000 subjects, when they are sampled, then the share is within five sigma."""
    sampler = Sampler(rate, SALT)
    count = 100_000

    kept = sum(sampler.keeps(f"subject-{number}") for number in range(count))

    assert abs(kept - rate * count) < 5 * sqrt(count * rate * (1 - rate))


def test_a_lower_rate_keeps_a_part_of_what_a_higher_one_keeps() -> None:
    """Given two rates, when subjects are sampled by both, then the smaller share is inside."""
    lower, higher = Sampler(0.1, SALT), Sampler(0.3, SALT)

    kept = [str(number) for number in range(5000) if lower.keeps(str(number))]

    assert kept
    assert all(higher.keeps(subject) for subject in kept)


def test_another_salt_draws_another_share() -> None:
    """Given two salts, when the same subjects are sampled, then the shares are independent."""
    one, other = Sampler(0.5, SALT), Sampler(0.5, "other")

    same = sum(one.keeps(str(number)) == other.keeps(str(number)) for number in range(10_000))

    assert 4750 < same < 5250


async def test_a_subjects_events_are_kept_or_dropped_together() -> None:
    """Given rate 0.5, when each subject has events of three types, then it has all or none."""
    faulty = FaultyBackplane()
    subjects = [f"subject-{number}" for number in range(200)]

    async with opened(faulty, sampling_rate=0.5) as plane:
        for subject in subjects:
            await plane.publish(
                Exposure(
                    experiment_name="checkout",
                    variant_key="express",
                    subject_id=subject,
                    selection_reason="hash",
                )
            )
            await plane.publish(make_outcome(subject_id=subject))
            await plane.publish(
                Assignment(
                    experiment_name="checkout",
                    subject_id=subject,
                    previous_variant_key="a",
                    new_variant_key="b",
                    change_reason="ramp",
                )
            )

    kept = [envelope.payload.subject_id for envelope in envelopes(faulty)]
    assert {kept.count(subject) for subject in subjects} == {0, 3}
    assert plane.statistics().filtered == {"sampled": 600 - len(kept)}


async def test_the_rate_is_written_into_the_metadata_of_sampled_types_only() -> None:
    """Given rate 0.5, when events are kept, then theirs says so; never-sampled ones say nothing."""
    faulty = FaultyBackplane()
    kept = next(str(number) for number in range(99) if Sampler(0.5, SALT).keeps(str(number)))
    dropped = next(str(number) for number in range(99) if not Sampler(0.5, SALT).keeps(str(number)))
    governance = Governance(
        experiment_name="checkout", action=GovernanceAction.STARTED, actor="ann"
    )
    error = ExperimentError(
        experiment_name="checkout", error_type="E", message="m", subject_id=dropped
    )

    async with opened(faulty, sampling_rate=0.5) as plane:
        await plane.publish(make_outcome(subject_id=kept))
        await plane.publish(make_outcome(subject_id=kept), metadata={"host": "a"})
        await plane.publish(governance)
        await plane.publish(error)

    assert [envelope.metadata for envelope in envelopes(faulty)] == [
        {"samplingRate": 0.5},
        {"host": "a", "samplingRate": 0.5},
        None,
        None,
    ]


async def test_envelopes_are_sampled_by_the_same_rule() -> None:
    """Given rate 0.5, when whole envelopes are published, then the same subjects are kept."""
    faulty = FaultyBackplane()
    subjects = [str(number) for number in range(100)]
    sampler = Sampler(0.5, SALT)

    async with opened(faulty, sampling_rate=0.5) as plane:
        for subject in subjects:
            await plane.publish(make_envelope(make_outcome(subject_id=subject)))

    assert [envelope.payload.subject_id for envelope in envelopes(faulty)] == [
        subject for subject in subjects if sampler.keeps(subject)
    ]
    assert all(envelope.metadata == {"samplingRate": 0.5} for envelope in envelopes(faulty))


async def test_a_subject_of_a_text_enum_is_sampled_like_its_text() -> None:
    """Given a subject that the rate drops, when its id is of an enum, then it is dropped."""

    class UserId(StrEnum):
        ANN = "u-1"

    faulty = FaultyBackplane()

    async with opened(faulty, sampling_rate=0.0) as plane:
        receipt = await plane.publish(make_outcome(subject_id=UserId.ANN))

    assert (receipt.status, receipt.reason) == ("filtered", "sampled")
