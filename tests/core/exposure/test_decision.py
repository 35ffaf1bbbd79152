"""A decision's exposure is recorded once, when `exposureSemantics` says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import BufferOptions, DataPlane, InvalidEventError
from experimentframework_core.exposure import Decision, identify
from experimentframework_core.testing import FaultyBackplane, Hang
from tests.core._planes import envelopes, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Step = Callable[[DataPlane, Decision], Coroutine[Any, Any, object]]


async def read(plane: DataPlane, decision: Decision) -> str:
    """Look at the variant."""
    return decision.variant_key


async def use(plane: DataPlane, decision: Decision) -> str:
    return await decision.use()


async def use_sync(plane: DataPlane, decision: Decision) -> str:
    return decision.use_sync()


async def use_in_thread(plane: DataPlane, decision: Decision) -> str:
    return await asyncio.to_thread(decision.use_sync)


async def expose(plane: DataPlane, decision: Decision) -> None:
    await decision.expose()


async def expose_sync(plane: DataPlane, decision: Decision) -> None:
    decision.expose_sync()


@pytest.mark.parametrize(
    ("semantics", "steps", "counts"),
    [
        ("onDecision", [read, use, expose, use_sync], [1, 1, 1, 1, 1]),
        ("onFirstUse", [read, use, use, use_sync], [0, 0, 1, 1, 1]),
        ("onFirstUse", [use_sync, use], [0, 1, 1]),
        ("onFirstUse", [use_in_thread, use], [0, 1, 1]),
        ("onFirstUse", [expose, use], [0, 1, 1]),
        ("explicit", [read, use, use_sync, expose, expose], [0, 0, 0, 0, 1, 1]),
        ("explicit", [expose_sync, expose], [0, 1, 1]),
    ],
)
async def test_it_is_recorded_when_the_semantics_say(
    semantics: Any, steps: list[Step], counts: list[int]
) -> None:
    """Given a decision, When it is read, used and exposed, Then one of them records it."""
    faulty = FaultyBackplane()
    found = []

    async with opened(faulty, exposure_semantics=semantics) as plane:
        decision = await plane.decide("checkout", "express", subject="u-1")
        found.append(plane.statistics().published)
        for step in steps:
            assert await step(plane, decision) in ("express", None)
            found.append(plane.statistics().published)

    assert found == counts
    assert [each.payload.is_repeat_exposure for each in envelopes(faulty)] == [False]
    assert decision.receipt is not None
    assert decision.receipt.event_id == envelopes(faulty)[0].event_id


@pytest.mark.parametrize("semantics", ["onDecision", "onFirstUse", "explicit"])
async def test_synchronous_code_decides_too(semantics: Any) -> None:
    """Given code that cannot await, When it decides, Then the semantics are the same."""
    async with opened(FaultyBackplane(), exposure_semantics=semantics) as plane:
        decision = plane.decide_sync("checkout", variant_key="express", subject="u-1")
        at_once = plane.statistics().published
        decision.use_sync()
        used = plane.statistics().published

    assert (at_once, used) == {"onDecision": (1, 1), "onFirstUse": (0, 1), "explicit": (0, 0)}[
        semantics
    ]


@pytest.mark.parametrize("semantics", ["onDecision", "onFirstUse", "explicit"])
async def test_an_exposure_is_recorded_under_all_semantics(semantics: Any) -> None:
    async with opened(FaultyBackplane(), exposure_semantics=semantics) as plane:
        receipt = await plane.expose("checkout", "express", subject="u-1")

    assert receipt.status == "accepted"


async def test_the_subject_is_that_of_the_decision() -> None:
    """Given a decision for one subject, When another one is current at its use, Then that stays."""
    faulty = FaultyBackplane()

    async with opened(faulty, exposure_semantics="onFirstUse") as plane:
        with identify("decided"):
            decision = await plane.decide("checkout", "express", rule_path="r")
        with identify("current"):
            await decision.use()

    (envelope,) = envelopes(faulty)
    assert envelope.payload.subject_id == "decided"
    assert envelope.payload.rule_path == "r"


@pytest.mark.parametrize("semantics", ["onDecision", "onFirstUse", "explicit"])
async def test_a_decision_needs_a_subject(semantics: Any) -> None:
    """Given nobody, When it is decided, Then it fails at once, whatever the semantics."""
    async with opened(FaultyBackplane(), exposure_semantics=semantics) as plane:
        with pytest.raises(InvalidEventError, match="the decision in 'checkout' has no subject"):
            await plane.decide("checkout", "express")


async def test_used_side_by_side_it_is_recorded_once() -> None:
    """Given one decision, When tasks and threads use it at once, Then one exposure is recorded."""
    async with opened(FaultyBackplane(), exposure_semantics="onFirstUse") as plane:
        decision = await plane.decide("checkout", "express", subject="u-1")
        await asyncio.gather(
            *(decision.use() for _ in range(20)),
            *(asyncio.to_thread(decision.use_sync) for _ in range(20)),
        )

        assert plane.statistics().published == 1


async def test_what_failed_is_tried_again() -> None:
    """Given a use that could not be recorded, When there is another, Then that one records it."""
    faulty = FaultyBackplane()

    async with opened(faulty, exposure_semantics="onFirstUse") as plane:
        decision = await plane.decide("checkout", "", subject="u-1")
        with pytest.raises(InvalidEventError):
            await decision.use()
        receipt = decision.receipt
        decision.variant_key = "express"
        await decision.use()

    assert receipt is None
    assert [each.payload.variant_key for each in envelopes(faulty)] == ["express"]


@pytest.mark.parametrize("semantics", ["onDecision", "onFirstUse"])
@pytest.mark.parametrize("again", [use, use_sync, use_in_thread, expose])
async def test_what_was_dropped_is_tried_again(again: Step, semantics: Any) -> None:
    """Given a full buffer that drops, When there is room at the next use, Then it is recorded."""
    gate = Hang()
    faulty = FaultyBackplane([gate])
    buffer = BufferOptions(max_events=1, when_full="dropNewest")

    async with opened(faulty, buffer=buffer, exposure_semantics=semantics) as plane:
        await plane.expose("checkout", "express", subject="fills")
        decision = await plane.decide("checkout", "express", subject="u-1")
        await again(plane, decision)
        dropped = decision.receipt
        gate.release()
        await plane.flush()
        for _ in range(2):
            await again(plane, decision)

    assert dropped is not None
    assert dropped.status == "dropped"
    assert [each.payload.subject_id for each in envelopes(faulty)] == ["fills", "u-1"]
