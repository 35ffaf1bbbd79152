"""The pool: bounded, connects outside any lock, and takes back only what is clean."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_sqlserver._connection.pool import Pool, open_pool
from tests.sqlserver._sessions import ScriptedSession, options, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_sqlserver._connection.session import Session


class Connecting:
    """What connects, in place of the driver.

    Attributes:
        made: The sessions that it made.
        gate: Closed, a connection waits for it.
        error: What the next connections raise.
    """

    def __init__(self) -> None:
        self.made: list[ScriptedSession] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = 0
        self.error: Exception | None = None

    async def __call__(self, target: object, command_timeout: float) -> ScriptedSession:
        self.begun += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.made.append(ScriptedSession())
        return self.made[-1]


@pytest.fixture
def connecting(monkeypatch: pytest.MonkeyPatch) -> Connecting:
    found = Connecting()
    monkeypatch.setattr("experimentframework_sqlserver._connection.pool.connect", found)
    return found


def as_scripted(session: Session) -> ScriptedSession:
    return cast("ScriptedSession", session)


def pool(size: int = 2, **settings: object) -> Pool:
    return open_pool(options(**settings), size=size)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - turns of the loop, no time
            await asyncio.sleep(0)


async def hold(of: Pool, release: asyncio.Event) -> None:
    async with of.session():
        await release.wait()


async def test_nothing_is_opened_before_it_is_needed(connecting: Connecting) -> None:
    """Given a pool, When no session is asked for, Then nothing connects."""
    await pool().close()

    assert connecting.begun == 0


async def test_a_connection_is_used_again(connecting: Connecting) -> None:
    """Given a session that came back, When another is asked for, Then it is the same."""
    shared = pool()

    async with shared.session() as first:
        pass
    async with shared.session() as second:
        pass

    assert first is second
    assert len(connecting.made) == 1


async def test_a_slow_login_holds_up_nobody_else(connecting: Connecting) -> None:
    """Given a login that hangs, When another session comes back, Then it is lent at once."""
    shared = pool()
    async with shared.session():
        connecting.gate.clear()
        hanging = asyncio.create_task(hold(shared, asyncio.Event()), name="hanging")
        await until(lambda: connecting.begun == 2)

    async with asyncio.timeout(30), shared.session() as lent:
        assert as_scripted(lent) is connecting.made[0]

    hanging.cancel()
    await asyncio.wait([hanging])


async def test_no_more_than_its_size_are_open(connecting: Connecting) -> None:
    """Given many that want a session, When they hold it, Then at most ``size`` are open."""
    shared, release = pool(size=2), asyncio.Event()
    holders = [asyncio.create_task(hold(shared, release), name="holder") for _ in range(5)]

    await until(lambda: len(connecting.made) == 2)
    for _ in range(10):
        await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*holders)

    assert connecting.begun == 2


async def test_waiting_for_a_session_ends(
    connecting: Connecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given all sessions lent, When none comes back in time, Then the error names poolSize."""
    shared = pool(size=1)
    monkeypatch.setattr(shared, "_patience", 0.01)

    async with shared.session():
        with pytest.raises(TransientError, match=r"none of 1 connections came free.*poolSize"):
            async with shared.session():
                pass


async def test_an_open_transaction_is_rolled_back(connecting: Connecting) -> None:
    """Given a session with an open transaction, When it comes back, Then it is rolled back."""
    shared = pool()

    async with shared.session() as session:
        await session.run("UPDATE t SET a = 1")

    assert connecting.made[0].rolled_back == 1
    assert not connecting.made[0].closed


async def test_a_broken_session_is_closed(connecting: Connecting) -> None:
    """Given a connection that was lost, When its session comes back, Then it is not lent again."""
    shared = pool()

    async with shared.session() as session:
        session.usable = False
    async with shared.session() as another:
        pass

    assert connecting.made[0].closed
    assert as_scripted(another) is connecting.made[1]


async def test_a_lost_connection_takes_the_idle_ones_with_it(connecting: Connecting) -> None:
    """Given an idle connection, When another is lost, Then the idle one is closed too."""
    shared = pool()
    async with shared.session() as first:
        async with shared.session():
            pass
        first.usable = False

    assert all(session.closed for session in connecting.made)
    assert len(connecting.made) == 2


async def test_a_session_that_cannot_roll_back_is_closed(
    connecting: Connecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a rollback that fails, When the session comes back, Then it is closed quietly."""

    async def refuse(_session: ScriptedSession) -> None:
        raise said(0, state="08S01")

    monkeypatch.setattr(ScriptedSession, "rollback", refuse)
    shared = pool()

    async with shared.session() as session:
        await session.run("UPDATE t SET a = 1")

    assert connecting.made[0].closed


async def test_an_error_of_connecting_leaves_room(connecting: Connecting) -> None:
    """Given a server that refuses, When it takes connections again, Then the pool has room."""
    shared = pool(size=1)
    connecting.error = UnavailableError("refused")
    with pytest.raises(UnavailableError):
        async with shared.session():
            pass

    connecting.error = None
    async with asyncio.timeout(30), shared.session():
        pass

    assert len(connecting.made) == 1


async def test_closing_closes_what_is_idle_now_and_what_is_lent_later(
    connecting: Connecting,
) -> None:
    """Given an idle and a lent session, When the pool closes, Then each is closed in its turn."""
    shared = pool()
    async with shared.session() as lent:
        async with shared.session():
            pass
        await shared.close()
        first = [session.closed for session in connecting.made]
        assert lent.usable

    assert first == [False, True]
    assert connecting.made[0].closed


async def test_a_closed_pool_lends_nothing(connecting: Connecting) -> None:
    """Given a closed pool, When a session is asked for, Then it says so."""
    shared = pool()
    await shared.close()

    with pytest.raises(TransientError, match="closed"):
        async with shared.session():
            pass
