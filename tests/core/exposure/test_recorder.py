"""`plane.expose` records who was shown what, and knows what it recorded before."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any, cast

import pytest

from experimentframework_core import (
    AssignmentPolicy,
    BufferFullError,
    BufferOptions,
    DataPlane,
    DataPlaneClosedError,
    InvalidEventError,
    PiiRedactionOptions,
    Receipt,
    RepeatExposureOptions,
)
from experimentframework_core._exposure import recorder
from experimentframework_core.exposure import ExposureFacts, Subject, exposure, identify
from experimentframework_core.testing import FaultyBackplane, Hang, Sink
from tests.core._planes import check_accounts, envelopes, opened, options

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from experimentframework_core import Envelope

REPEAT = Receipt(None, "filtered", "repeat")


@pytest.fixture
def sink() -> FaultyBackplane:
    return FaultyBackplane()


def shown(sink: FaultyBackplane) -> list[tuple[str, str, bool]]:
    """Return subject, variant and whether it is a repeat, of each exposure that arrived."""
    return [
        (each.payload.subject_id, each.payload.variant_key, each.payload.is_repeat_exposure)
        for each in envelopes(sink)
    ]


async def lost(plane: DataPlane) -> bool:
    """Return whether an exposure of ``a`` finds no room."""
    try:
        return (await plane.expose("checkout", "x", subject="a")).status == "dropped"
    except BufferFullError:
        return True


def only(sink: FaultyBackplane) -> Envelope:
    (envelope,) = envelopes(sink)
    return envelope


async def test_the_current_subject_is_exposed(sink: FaultyBackplane) -> None:
    """Given a subject with all its facts, When it is exposed, Then the event has all of them."""
    subject = Subject("u-1", "user", "acme", {"plan": "pro", "country": "NL"})

    async with opened(sink) as plane:
        with identify(subject):
            receipt = await plane.expose(
                "checkout",
                "express",
                selection_reason="rule",
                rule_path="rules[0]",
                assignment_policy=AssignmentPolicy.SUBJECT_STICKY,
                attributes={"country": "BE"},
                correlation_id="r-1",
            )

    envelope = only(sink)
    assert receipt == Receipt(envelope.event_id, "accepted")
    assert envelope.correlation_id == "r-1"
    exposure = envelope.payload
    assert (exposure.experiment_name, exposure.variant_key) == ("checkout", "express")
    assert (exposure.subject_id, exposure.subject_type, exposure.tenant_id) == (
        "u-1",
        "user",
        "acme",
    )
    assert (exposure.selection_reason, exposure.rule_path) == ("rule", "rules[0]")
    assert exposure.assignment_policy is AssignmentPolicy.SUBJECT_STICKY
    assert exposure.attributes == {"plan": "pro", "country": "BE"}
    assert not exposure.is_repeat_exposure


async def test_little_need_be_said(sink: FaultyBackplane) -> None:
    """Given only an id, When it is exposed, Then the rest has its default."""
    async with opened(sink) as plane:
        await plane.expose("checkout", "express", subject="u-1")

    exposure = only(sink).payload
    assert exposure.selection_reason == "application"
    assert exposure.attributes is exposure.tenant_id is exposure.rule_path is None


async def test_a_subject_that_is_given_wins(sink: FaultyBackplane) -> None:
    async with opened(sink) as plane:
        with identify("current"):
            await plane.expose("checkout", "express", subject=Subject("given"))

    assert only(sink).payload.subject_id == "given"


async def test_without_a_subject_it_says_what_to_do(sink: FaultyBackplane) -> None:
    """Given nobody, When an exposure is recorded, Then the error names both ways, and it counts."""
    async with opened(sink) as plane:
        with pytest.raises(InvalidEventError) as caught:
            await plane.expose("checkout", "express")

        assert str(caught.value) == (
            "subject_id: the exposure of 'express' in 'checkout' has no subject: give subject=,"
            " call it inside `with identify(...)`, or add SubjectMiddleware to the app"
        )
        assert (plane.statistics().published, plane.statistics().rejected) == (1, 1)


async def test_a_bad_variant_is_refused_by_its_field(sink: FaultyBackplane) -> None:
    async with opened(sink) as plane:
        with pytest.raises(InvalidEventError, match="variant_key: 0 characters"):
            await plane.expose("checkout", "", subject="u-1")


@pytest.mark.parametrize("of_subject", [None, {"plan": "pro"}])
async def test_bad_attributes_are_refused_and_not_remembered(
    sink: FaultyBackplane, of_subject: dict[str, Any] | None
) -> None:
    """Given attributes that are no mapping, When they are mended, Then that is the first one."""
    subject, bad = Subject("a", attributes=of_subject), cast("dict[str, Any]", ["no", "mapping"])

    async with opened(sink) as plane:
        with pytest.raises(InvalidEventError, match="attributes"):
            await plane.expose("checkout", "x", subject=subject, attributes=bad)
        await plane.expose("checkout", "x", subject=subject, attributes={})

    assert shown(sink) == [("a", "x", False)]


async def test_an_unknown_keyword_is_refused(sink: FaultyBackplane) -> None:
    """Given a mistyped keyword, When it is given in any way, Then Python's error says so."""
    typo = cast("ExposureFacts", {"subject": "a", "reason": "rule"})
    said = "unexpected keyword 'reason'; an exposure takes ack, assignment_policy, attributes, "

    async with opened(sink) as plane:
        with pytest.raises(TypeError, match=said):
            await plane.expose("checkout", "x", **typo)
        with pytest.raises(TypeError, match=said):
            await plane.decide("checkout", "x", **typo)
        with pytest.raises(TypeError, match=said):
            exposure("checkout", "x", **typo)(print)


async def test_the_second_time_is_a_repeat(sink: FaultyBackplane) -> None:
    """Given exposures, some of them again, When they are recorded, Then these are marked."""
    async with opened(sink) as plane:
        for subject, variant in [("a", "x"), ("a", "y"), ("b", "x"), ("a", "x"), ("a", "x")]:
            await plane.expose("checkout", variant, subject=subject)

    assert shown(sink) == [
        ("a", "x", False),
        ("a", "y", False),
        ("b", "x", False),
        ("a", "x", True),
        ("a", "x", True),
    ]


async def test_a_tenant_has_its_own_subjects(sink: FaultyBackplane) -> None:
    async with opened(sink) as plane:
        for tenant in ("acme", "globex"):
            await plane.expose("checkout", "x", subject=Subject("a", tenant_id=tenant))

    assert shown(sink) == [("a", "x", False)] * 2


async def test_subjects_that_are_hidden_are_told_apart(sink: FaultyBackplane) -> None:
    """Given ids redacted to one placeholder, When two are exposed, Then neither is a repeat."""
    redaction = PiiRedactionOptions(redact_subject_ids=True)

    async with opened(sink, pii_redaction=redaction) as plane:
        for subject in ("a", "b", "a"):
            await plane.expose("checkout", "x", subject=subject)

    assert [is_repeat for _, _, is_repeat in shown(sink)] == [False, False, True]


async def test_repeats_may_be_left_out(sink: FaultyBackplane) -> None:
    """Given suppress, When an exposure is repeated, Then it is filtered and counted as a repeat."""
    repeats = RepeatExposureOptions(suppress=True)

    async with opened(sink, repeat_exposures=repeats) as plane:
        await plane.expose("checkout", "x", subject="a")
        receipts = [
            await plane.expose("checkout", "x", subject="a"),
            plane.expose_sync("checkout", "x", subject="a"),
        ]
        filtered = plane.statistics().filtered

    assert receipts == [REPEAT, REPEAT]
    assert filtered == {"repeat": 2}
    assert shown(sink) == [("a", "x", False)]


async def test_repeats_need_not_be_looked_for(sink: FaultyBackplane) -> None:
    async with opened(sink, repeat_exposures=RepeatExposureOptions(detect=False)) as plane:
        for _ in range(2):
            await plane.expose("checkout", "x", subject="a")

    assert shown(sink) == [("a", "x", False)] * 2


async def test_after_the_window_it_is_no_repeat(
    sink: FaultyBackplane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a window of 10 s, When 9 and 10 s have passed, Then the first is a repeat only."""
    now = iter([0.0, 9.0, 10.0, 15.0])
    monkeypatch.setattr(recorder, "monotonic", lambda: next(now))

    async with opened(sink, repeat_exposures=RepeatExposureOptions(window_ms=10_000)) as plane:
        for _ in range(4):
            await plane.expose("checkout", "x", subject="a")

    assert [is_repeat for _, _, is_repeat in shown(sink)] == [False, True, False, True]


async def test_only_so_many_are_remembered(sink: FaultyBackplane) -> None:
    async with opened(sink, repeat_exposures=RepeatExposureOptions(remember=2)) as plane:
        for subject in ("a", "b", "c", "a"):
            await plane.expose("checkout", "x", subject=subject)

    assert shown(sink)[-1] == ("a", "x", False)


@pytest.mark.parametrize("policy", ["block", "dropNewest"])
async def test_what_was_not_taken_is_not_remembered(policy: Any) -> None:
    """Given a full buffer, When an exposure finds no room, Then the next one is the first one."""
    gate = Hang()
    sink = FaultyBackplane([gate])
    buffer = BufferOptions(max_events=1, when_full=policy, block_timeout_ms=1)
    repeats = RepeatExposureOptions(suppress=True)

    async with DataPlane(options(buffer=buffer, repeat_exposures=repeats), backplane=sink) as plane:
        await plane.expose("checkout", "x", subject="fills")
        for _ in range(2):
            assert await lost(plane)
        gate.release()
        await plane.flush()
        await plane.expose("checkout", "x", subject="a")
        check_accounts(plane)

    assert shown(sink) == [("fills", "x", False), ("a", "x", False)]


@pytest.mark.parametrize("is_taken", [True, False])
async def test_a_repeat_is_not_left_out_for_a_first_that_may_fail(is_taken: bool) -> None:  # noqa: FBT001
    """Given a first that waits for room, When it is repeated, Then that one is offered too."""
    gate = Hang()
    sink = FaultyBackplane([gate])
    wait = 5000 if is_taken else 1
    buffer = BufferOptions(max_events=1, when_full="block", block_timeout_ms=wait)
    repeats = RepeatExposureOptions(suppress=True)

    async with DataPlane(options(buffer=buffer, repeat_exposures=repeats), backplane=sink) as plane:
        await plane.expose("checkout", "x", subject="fills")
        both = [asyncio.create_task(plane.expose("checkout", "x", subject="a")) for _ in range(2)]
        if not is_taken:
            await asyncio.wait(both)
        gate.release()
        said = await asyncio.gather(*both, return_exceptions=True)
        await plane.flush()
        later = await plane.expose("checkout", "x", subject="a")

    if is_taken:
        assert shown(sink)[1:] == [("a", "x", False), ("a", "x", True)]
        assert later == REPEAT
    else:
        assert [type(each) for each in said] == [BufferFullError] * 2
        assert shown(sink)[1:] == [("a", "x", False)]


async def test_side_by_side_one_is_the_first(sink: FaultyBackplane) -> None:
    """Given one exposure in many tasks and threads, When all record it, Then one is the first."""
    async with opened(sink) as plane:
        await asyncio.gather(
            *(plane.expose("checkout", "x", subject="a") for _ in range(20)),
            *(
                asyncio.to_thread(plane.expose_sync, "checkout", "x", subject="a")
                for _ in range(20)
            ),
        )

    assert sorted(is_repeat for _, _, is_repeat in shown(sink)) == [False, *([True] * 39)]


async def test_synchronous_code_is_served_on_the_loop_and_beside_it(sink: FaultyBackplane) -> None:
    """Given a subject here, When code that cannot await exposes it, Then both ways carry it."""
    async with opened(sink) as plane:
        with identify("a"):
            here = plane.expose_sync("checkout", "x")
            there = await asyncio.to_thread(plane.expose_sync, "checkout", "y")

    assert (here.status, there.status) == ("accepted", "accepted")
    assert shown(sink) == [("a", "x", False), ("a", "y", False)]


async def expose(plane: DataPlane) -> Receipt:
    return await plane.expose("checkout", "x", subject="a", ack="delivered")


async def expose_in_thread(plane: DataPlane) -> Receipt:
    return await asyncio.to_thread(plane.expose_sync, "checkout", "x", subject="a", ack="delivered")


async def decide(plane: DataPlane) -> Receipt | None:
    return (await plane.decide("checkout", "x", subject="a", ack="delivered")).receipt


@pytest.mark.parametrize("recorded", [expose, expose_in_thread, decide])
async def test_one_exposure_is_waited_for(
    sink: FaultyBackplane, recorded: Callable[[DataPlane], Coroutine[Any, Any, Receipt | None]]
) -> None:
    """Given a plane that waits for nothing, When one asks to, Then it has arrived by then."""
    async with opened(sink, flush_interval_ms=1) as plane:
        receipt = await recorded(plane)

        assert receipt == Receipt(only(sink).event_id, "delivered")


async def test_a_filtered_repeat_waits_for_nothing(sink: FaultyBackplane) -> None:
    """Given an exposure that is recorded, When it is filtered, Then its receipt says only that."""
    repeats = RepeatExposureOptions(suppress=True)

    async with opened(sink, flush_interval_ms=3_600_000, repeat_exposures=repeats) as plane:
        await plane.expose("checkout", "x", subject="a")

        assert await plane.expose("checkout", "x", subject="a", ack="delivered") == REPEAT


async def test_on_the_loop_nothing_can_be_waited_for(sink: FaultyBackplane) -> None:
    """Given code that cannot await, When it asks to wait, Then it is told; the next is a first."""
    async with opened(sink) as plane:
        with pytest.raises(ValueError, match="ack='durable': on the loop this cannot wait"):
            plane.expose_sync("checkout", "x", subject="a", ack="durable")
        plane.expose_sync("checkout", "x", subject="a", ack="accepted")

        assert (plane.statistics().published, plane.statistics().rejected) == (2, 1)
    assert shown(sink) == [("a", "x", False)]


async def test_a_plane_that_is_not_open_refuses() -> None:
    plane = DataPlane(backplane=Sink())

    with pytest.raises(DataPlaneClosedError):
        await plane.expose("checkout", "x", subject="a")
    with pytest.raises(DataPlaneClosedError):
        plane.expose_sync("checkout", "x", subject="a")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_a_forked_child_does_not_wait_for_a_thread_of_the_parent(
    sink: FaultyBackplane,
) -> None:
    """Given a thread that counts, When the process forks meanwhile, Then the child can count."""
    async with opened(sink) as plane:
        with plane.exposures._lock:
            status = status_of_child(lambda: plane.exposures.filter(REPEAT))

    assert status == 0


def status_of_child(work: Callable[[], object]) -> int:
    """Return how a forked child ends that does the work; it is killed if that takes long."""
    child = os.fork()
    if not child:
        signal.alarm(5)
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]
