"""Waiting for all, or any, of an event's acknowledgements."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from experimentframework_core._plane import acks
from experimentframework_core._plane.acks import Deadlines, gather_acks
from experimentframework_core.errors import AckTimeoutError, DeliveryError
from tests.core._planes import in_virtual_time

REACHED = True


def futures(*results: DeliveryError | bool | None) -> list[asyncio.Future[None]]:
    """Return futures: True is reached, an error failed, None is pending."""
    loop = asyncio.get_running_loop()
    made = []
    for result in results:
        future: asyncio.Future[None] = loop.create_future()
        if isinstance(result, DeliveryError):
            future.set_exception(result)
        elif result:
            future.set_result(None)
        made.append(future)
    return made


async def wait(*results: DeliveryError | bool | None, need_all: bool) -> None:
    acks = futures(*results)
    deadlines = Deadlines("delivered", 5)
    for ack in acks:
        deadlines.watch(ack, "e-1")
    await gather_acks(acks, need_all=need_all)


async def test_all_are_reached() -> None:
    """Given every acknowledgement, when all are needed, then it returns."""
    await wait(REACHED, REACHED, need_all=True)


@pytest.mark.parametrize("turn", range(8))
async def test_any_is_reached_however_the_others_ended(turn: int) -> None:
    """Given one success and failures at once, when any will do, then it returns."""
    results: list[DeliveryError | bool | None] = [DeliveryError(str(each)) for each in range(7)]
    results.insert(turn, REACHED)

    await wait(*results, need_all=False)


async def test_any_waits_for_those_that_may_still_come() -> None:
    """Given a failure first, when any will do, then a later success is enough."""
    acks = futures(DeliveryError("first"), None)
    waiting = asyncio.ensure_future(gather_acks(acks, need_all=False))
    await asyncio.sleep(0)

    acks[1].set_result(None)

    await waiting
    assert waiting.done()


async def test_one_failure_ends_the_wait_for_all() -> None:
    """Given a failure and a pending one, when all are needed, then it fails at once."""
    with pytest.raises(DeliveryError, match="first"):
        await wait(DeliveryError("first"), None, need_all=True)


async def test_any_fails_when_all_have_failed() -> None:
    """Given only failures, when any would do, then one of them is raised."""
    with pytest.raises(DeliveryError):
        await wait(DeliveryError("first"), DeliveryError("second"), need_all=False)


@pytest.mark.parametrize("need_all", [True, False])
def test_the_time_runs_out(need_all: bool) -> None:  # noqa: FBT001
    """Given nothing comes, when the time is over, then the error names the event."""
    with pytest.raises(AckTimeoutError, match=r"e-1.*5 s.*queued") as caught:
        in_virtual_time(wait_for_nothing(need_all=need_all))

    assert caught.value.event_id == "e-1"


async def wait_for_nothing(*, need_all: bool) -> None:
    await wait(None, None, need_all=need_all)


def test_each_has_its_own_deadline() -> None:
    """Given acknowledgements one second apart, when none comes, then each ends in its turn."""
    ended = in_virtual_time(ends_of(["a", "b", "c"], timeout=5))

    assert ended == [("a", 5), ("b", 6), ("c", 7)]


async def ends_of(names: list[str], *, timeout: float) -> list[tuple[str, float]]:
    loop = asyncio.get_running_loop()
    deadlines, began = Deadlines("durable", timeout), loop.time()
    ended: list[tuple[str, float]] = []
    acks = []

    def note(name: str, _: object) -> None:
        ended.append((name, loop.time() - began))

    for name in names:
        (ack,) = futures(None)
        ack.add_done_callback(partial(note, name))
        deadlines.watch(ack, name)
        acks.append(ack)
        await asyncio.sleep(1)
    await asyncio.wait(acks)
    assert all("not durable" in str(ack.exception()) for ack in acks)
    return ended


async def test_what_has_come_is_not_held() -> None:
    """Given acknowledgements that came, when another is watched, then they are forgotten."""
    deadlines = Deadlines("durable", 5)
    for ack in futures(REACHED, REACHED):
        deadlines.watch(ack, "e-1")
    (late,) = futures(None)

    deadlines.watch(late, "e-2")

    assert len(deadlines._watched) == 1


async def test_what_has_come_behind_one_that_waits_is_not_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given one that does not come, when many behind it do, then these are forgotten."""
    monkeypatch.setattr(acks, "FEW", 10)
    deadlines = Deadlines("durable", 5)
    (stuck,) = futures(None)
    deadlines.watch(stuck, "stuck")

    for ack in futures(*[REACHED] * 100):
        deadlines.watch(ack, "e-1")

    assert len(deadlines._watched) <= 10
