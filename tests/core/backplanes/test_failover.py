"""The first backplane that works takes the batch, and the first of all as soon as it heals."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core.backplanes.failover import FailoverBackplane, Member, Rest
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import FaultyBackplane, Hang, fail, make_exposure, make_record
from tests.core._planes import Backplanes, in_virtual_time, opened, sunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from experimentframework_core.plugin import Backplane

DOWN = TransientError("down")


def failover(*members: Member, timeout: float = 30, open_timeout: float = 10) -> FailoverBackplane:
    return FailoverBackplane(
        members,
        OpenContext(name="chain", delivery_timeout=timeout),
        open_timeout=open_timeout,
        rest=lambda: Rest(1, 30),
    )


def member(name: str, backplane: Any, opening: Any = None) -> Member:
    @asynccontextmanager
    async def opener(_context: OpenContext) -> AsyncIterator[Backplane]:
        if opening is not None:
            await opening()
        yield backplane

    return Member(name=name, opener=opener)


def virtually(scenario: Coroutine[Any, Any, None]) -> None:
    in_virtual_time(scenario)


def test_the_first_takes_everything_while_it_works() -> None:
    """Given two members, when the first works, then the second is not even opened."""

    async def scenario() -> None:
        first, second = FaultyBackplane(), FaultyBackplane()
        backplanes = Backplanes(first=first, second=second)
        async with opened(backplanes.plugin, backplane=backplanes.group("failover")) as plane:
            for _ in range(5):
                await plane.publish(make_exposure())

        assert len(sunk(first)) == 5
        assert backplanes.opened == backplanes.closed == ["first"]

    virtually(scenario())


def test_the_second_steps_in_and_the_first_comes_back() -> None:
    """Given a first that fails for a while, when it heals, then batches go to it again."""

    async def scenario() -> None:
        first, second = FaultyBackplane([fail(DOWN)]), FaultyBackplane()
        chain = failover(member("first", first), member("second", second))

        await chain.deliver([make_record()])
        await chain.deliver([make_record()])
        while_resting = (len(sunk(first)), len(sunk(second)), len(first.calls))
        await asyncio.sleep(1.01)
        await chain.deliver([make_record()])
        await chain.aclose()

        assert while_resting == (0, 2, 1)
        assert (len(sunk(first)), len(sunk(second))) == (1, 2)

    virtually(scenario())


def test_nothing_is_lost_while_all_are_down() -> None:
    """Given both down for a while, when one heals, then every event arrives."""

    async def scenario() -> None:
        first = FaultyBackplane(afterwards=fail(DOWN))
        second = FaultyBackplane([fail(DOWN)] * 6)
        backplanes = Backplanes(first=first, second=second)
        node = backplanes.group("failover")
        async with opened(
            backplanes.plugin, backplane=node, shutdown_timeout_ms=600_000, flush_interval_ms=1
        ) as plane:
            for _ in range(50):
                await plane.publish(make_exposure())

        assert len({record.event_id for record in sunk(second)}) == 50
        assert plane.statistics().backplanes["failover"].delivered == 50

    virtually(scenario())


def test_a_hanging_first_leaves_time_for_the_second() -> None:
    """Given a first that hangs, when a batch comes, then the second has it within one delivery."""

    async def scenario() -> None:
        second = FaultyBackplane()
        chain = failover(
            member("first", FaultyBackplane(afterwards=Hang())), member("second", second)
        )
        began = asyncio.get_running_loop().time()

        await chain.deliver([make_record()])
        await chain.aclose()

        assert len(sunk(second)) == 1
        assert asyncio.get_running_loop().time() - began <= 15.1

    virtually(scenario())


def test_slow_opening_and_hanging_share_one_members_time() -> None:
    """Given a first that opens slowly and hangs, when a batch comes, the second is in time."""

    async def scenario() -> None:
        async def slowly() -> None:
            await asyncio.sleep(9)

        second = FaultyBackplane()
        chain = failover(
            member("first", FaultyBackplane(afterwards=Hang()), slowly), member("second", second)
        )
        began = asyncio.get_running_loop().time()

        await chain.deliver([make_record()])
        await chain.aclose()

        assert asyncio.get_running_loop().time() - began <= 15.1

    virtually(scenario())


@pytest.mark.parametrize(
    "error", [PermanentError("no"), PartialBatchError({0: PermanentError("no")})]
)
def test_what_the_first_refuses_the_second_is_not_asked_for(error: Exception) -> None:
    """Given a refusal by the first, when a batch comes, then the refusal stands."""

    async def scenario() -> None:
        second = FaultyBackplane()
        chain = failover(
            member("first", FaultyBackplane(afterwards=fail(error))), member("second", second)
        )

        with pytest.raises(type(error)):
            await chain.deliver([make_record()])
        await chain.aclose()

        assert second.calls == []

    virtually(scenario())


def test_a_member_that_cannot_be_opened_is_passed_over() -> None:
    """Given a first that cannot be opened, when a batch comes, then the second takes it."""

    async def scenario() -> None:
        async def broken() -> None:
            message = "no such file"
            raise OSError(message)

        second = FaultyBackplane()
        chain = failover(member("first", FaultyBackplane(), broken), member("second", second))

        await chain.deliver([make_record()])
        await chain.ping()
        await chain.aclose()

        assert len(sunk(second)) == 1

    virtually(scenario())


def test_a_member_that_asked_for_time_gets_it() -> None:
    """Given both down and one that asked for a minute, when all rest, then it is left alone."""

    async def scenario() -> None:
        patient = FaultyBackplane(afterwards=fail(TransientError("busy", retry_after=60)))
        down = FaultyBackplane(afterwards=fail(DOWN))
        chain = failover(member("patient", patient), member("down", down))

        for _ in range(3):
            with pytest.raises(TransientError):
                await chain.deliver([make_record()])
        await asyncio.sleep(60.1)
        with pytest.raises(TransientError):
            await chain.deliver([make_record()])
        await chain.aclose()

        assert len(patient.calls) == 2

    virtually(scenario())


def test_all_unavailable_is_unavailable() -> None:
    """Given members that all refuse us, when a batch comes, then the chain says so."""

    async def scenario() -> None:
        refusing = FaultyBackplane(afterwards=fail(UnavailableError("credentials")))
        chain = failover(member("a", refusing), member("b", refusing))

        with pytest.raises(UnavailableError, match="a: credentials; b: credentials"):
            await chain.deliver([make_record()])
        await chain.aclose()

    virtually(scenario())


def test_a_ping_and_a_delivery_open_a_member_once() -> None:
    """Given a member that is not open, when pinged and used at once, then it is opened once."""

    async def scenario() -> None:
        openings: list[int] = []

        async def slowly() -> None:
            openings.append(1)
            await asyncio.sleep(1)

        chain = failover(member("only", FaultyBackplane(), slowly))

        await asyncio.gather(chain.ping(), chain.deliver([make_record()]))
        await chain.aclose()

        assert len(openings) == 1

    virtually(scenario())


def test_a_member_is_told_its_own_time() -> None:
    """Given two members, when they are opened, then each is told its half of the time."""

    async def scenario() -> None:
        backplanes = Backplanes(
            first=FaultyBackplane(afterwards=fail(DOWN)), second=FaultyBackplane()
        )
        node = backplanes.group("failover")
        async with opened(
            backplanes.plugin, backplane=node, delivery_timeout_ms=8000, flush_interval_ms=1
        ) as plane:
            await plane.publish(make_exposure())

        assert [context.delivery_timeout for context in backplanes.contexts] == [4.0, 4.0]

    virtually(scenario())


def test_a_rest_doubles_and_ends() -> None:
    """Given failures in a row, when a member rests, then twice as long, at most the longest."""
    rest = Rest(1, 4)
    until = []

    for _ in range(4):
        rest.begin(100)
        until.append(rest.until)
    rest.end()
    rest.begin(100, at_least=50)

    assert until == [101, 102, 104, 104]
    assert (rest.until, rest.asked_until) == (150, 150)
