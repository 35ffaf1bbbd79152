"""Sessions and their pool, with the genuine driver, while the server misbehaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pyodbc
import pytest

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.units import Secret
from experimentframework_sqlserver._connection.pool import open_pool
from tests.peers.tds.faults import Fault
from tests.peers.tds.peer import PASSWORD, TdsPeer
from tests.sqlserver.peer.deliveries import until_it_hangs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from experimentframework_sqlserver import SqlServerOptions
    from experimentframework_sqlserver._connection.pool import Pool

HANG = Fault(what="hang", matching="SELECT")


@pytest.fixture
async def pool(options: SqlServerOptions) -> AsyncIterator[Pool]:
    """Return a pool of two connections."""
    pool = open_pool(options)
    yield pool
    await pool.close()


@pytest.fixture
async def hurried(options: SqlServerOptions) -> AsyncIterator[Pool]:
    """Return a pool of one connection; its statements, and who waits for it, have a second."""
    pool = open_pool(msgspec.structs.replace(options, command_timeout_seconds=1, pool_size=1))
    yield pool
    await pool.close()


async def test_a_statement_has_rows_or_a_count(pool: Pool) -> None:
    """Given statements of both kinds, When they run, Then each says what it has."""
    async with pool.session() as session:
        await session.run("CREATE TABLE [dbo].[Notes] (Text NVARCHAR(40) NOT NULL)")
        inserted = await session.run("INSERT INTO [dbo].[Notes] (Text) VALUES (?)", "Ω 😀")
        await session.commit()
        selected = await session.run("SELECT Text FROM [dbo].[Notes]")

    assert inserted == ([], 1)
    assert selected.rows == [("Ω 😀",)]


async def test_what_is_not_committed_is_rolled_back(
    pool: Pool, peer: TdsPeer, database: str
) -> None:
    """Given a row in an open transaction, When the session comes back, Then the row is gone."""
    async with pool.session() as session:
        await session.run("CREATE TABLE [dbo].[Notes] (Text NVARCHAR(40) NOT NULL)")
        await session.commit()

    async with pool.session() as session:
        await session.run("INSERT INTO [dbo].[Notes] (Text) VALUES (?)", "lost")

    assert peer.rows(database, "SELECT * FROM [dbo.Notes]") == []


async def test_a_session_is_used_again(pool: Pool, peer: TdsPeer) -> None:
    """Given a session that came back, When the next one is lent, Then nobody signs in anew."""
    before = peer.state.logins

    for _ in range(3):
        async with pool.session() as session:
            await session.run("SELECT 1")

    assert peer.state.logins == before + 1


async def test_a_refused_statement_keeps_the_connection(pool: Pool, peer: TdsPeer) -> None:
    """Given an error of the statement's, When the next session is lent, Then it is the same."""
    before = peer.state.logins

    async with pool.session() as session:
        with pytest.raises(pyodbc.ProgrammingError, match="Invalid object name"):
            await session.run("SELECT 1 FROM [dbo].[Missing]")
    async with pool.session() as session:
        found = await session.run("SELECT 1")

    assert found.rows == [(1,)]
    assert peer.state.logins == before + 1


async def test_a_cut_connection_is_replaced(pool: Pool, peer: TdsPeer) -> None:
    """Given an idle connection that was cut, When it fails once, Then the next one is new."""
    async with pool.session() as session:
        await session.run("SELECT 1")
    peer.cut()

    with pytest.raises(pyodbc.OperationalError):
        async with pool.session() as session:
            await session.run("SELECT 1")
    async with pool.session() as session:
        found = await session.run("SELECT 1")

    assert found.rows == [(1,)]


async def test_a_statement_has_its_time(hurried: Pool, peer: TdsPeer) -> None:
    """Given a statement that hangs, When its time is up, Then it is given up and cancelled."""
    before = peer.state
    peer.inject(HANG)

    async with hurried.session() as session:
        with pytest.raises(pyodbc.OperationalError, match="HYT00"):
            await session.run("SELECT 1")

    assert not session.usable
    assert peer.state.cancelled == before.cancelled + 1


async def test_a_cancelled_call_cancels_its_statement(pool: Pool, peer: TdsPeer) -> None:
    """Given a statement that hangs, When its task is cancelled, Then the server hears of it."""
    before = peer.state
    peer.inject(HANG)

    async def run() -> None:
        async with pool.session() as session:
            await session.run("SELECT 1")

    running = asyncio.ensure_future(run())
    await until_it_hangs(peer)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert peer.state.cancelled == before.cancelled + 1


async def test_the_loop_goes_on_while_a_statement_hangs(pool: Pool, peer: TdsPeer) -> None:
    """Given a statement that hangs, When others want the loop, Then they have it."""
    peer.inject(HANG)

    async def run() -> list[tuple[object, ...]]:
        async with pool.session() as session:
            return (await session.run("SELECT 1")).rows

    running = asyncio.ensure_future(run())
    await until_it_hangs(peer)
    for _ in range(1000):
        await asyncio.sleep(0)
    still = not running.done()
    peer.release()

    assert still
    assert await running == [(1,)]


async def test_a_statement_of_one_session_leaves_the_other_alone(pool: Pool, peer: TdsPeer) -> None:
    """Given one session whose statement hangs, When the other works, Then it does at once."""
    peer.inject(HANG)

    async def run() -> None:
        async with pool.session() as session:
            await session.run("SELECT 1")

    hanging = asyncio.ensure_future(run())
    await until_it_hangs(peer)
    async with pool.session() as session:
        found = await session.run("SELECT 2")
    still = not hanging.done()
    peer.release()
    await hanging

    assert still
    assert found.rows == [(2,)]


async def test_nobody_waits_for_a_session_for_ever(hurried: Pool) -> None:
    """Given all sessions are lent, When another is wanted, Then after its time that is told."""
    async with hurried.session():
        with pytest.raises(TransientError, match="none of 1 connections came free within 1 s"):
            async with hurried.session():
                pass
    async with hurried.session() as session:
        found = await session.run("SELECT 1")

    assert found.rows == [(1,)]


@pytest.mark.parametrize("deaf", [False, True])
async def test_closing_is_bounded_while_a_statement_hangs(
    pool: Pool, peer: TdsPeer, *, deaf: bool
) -> None:
    """Given a statement that hangs, When all is left in a hurry, Then that takes no long time."""
    peer.inject(msgspec.structs.replace(HANG, deaf=deaf))
    loop = asyncio.get_running_loop()

    async def run() -> None:
        async with pool.session() as session:
            await session.run("SELECT 1")

    running = asyncio.ensure_future(run())
    await until_it_hangs(peer)
    began = loop.time()
    running.cancel()
    await asyncio.wait({running})
    await pool.close()

    assert loop.time() - began < 5
    assert running.cancelled()


async def test_a_login_that_takes_too_long_is_given_up(
    options: SqlServerOptions, peer: TdsPeer
) -> None:
    """Given a server that keeps a client waiting, When it signs in, Then it gives up in time."""
    peer.inject(Fault(what="hang", at="login", times=-1))
    hurried = Secret(options.connection_string.reveal() + ";Connect Timeout=1")
    pool = open_pool(msgspec.structs.replace(options, connection_string=hurried))

    with pytest.raises(TransientError, match="Login timeout expired") as raised:
        async with pool.session():
            pass
    await pool.close()

    assert type(raised.value) is TransientError


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password": "wrong hunter3"}, "refuses the user or the password"),
        ({"database": "missing"}, "the database is missing"),
    ],
)
async def test_who_may_not_come_in_is_told_why(
    options: SqlServerOptions,
    peer: TdsPeer,
    database: str,
    change: dict[str, str],
    says: str,
) -> None:
    """Given a wrong password or database, When it signs in, Then the mend is said, no secret."""
    reached = peer.connection_string(**{"database": database, **change})
    pool = open_pool(msgspec.structs.replace(options, connection_string=Secret(reached)))

    with pytest.raises(UnavailableError, match=says) as raised:
        async with pool.session():
            pass
    await pool.close()

    assert "hunter" not in str(raised.value)
    assert PASSWORD not in str(raised.value)


async def test_nobody_listens(options: SqlServerOptions, own_peer: TdsPeer) -> None:
    """Given a server that is down, When it signs in, Then that is an outage and no refusal."""
    reached = own_peer.connection_string("shop") + ";Connect Timeout=1"
    own_peer.kill()
    pool = open_pool(msgspec.structs.replace(options, connection_string=Secret(reached)))

    with pytest.raises(TransientError, match="cannot connect to database 'shop'") as raised:
        async with pool.session():
            pass
    await pool.close()

    assert type(raised.value) is TransientError


async def test_a_driver_that_is_not_there_is_named(options: SqlServerOptions) -> None:
    """Given the name of no driver, When it connects, Then those that are there are named."""
    pool = open_pool(msgspec.structs.replace(options, driver="No Such Driver"))

    with pytest.raises(UnavailableError, match="cannot find the ODBC driver 'No Such Driver'"):
        async with pool.session():
            pass


async def test_a_path_without_a_driver_is_named(options: SqlServerOptions, tmp_path: Path) -> None:
    """Given a path where nothing is, When it connects, Then the path is named."""
    missing = tmp_path / "libmsodbcsql.so"
    pool = open_pool(msgspec.structs.replace(options, driver=str(missing)))

    with pytest.raises(UnavailableError, match=f"there is no file '{missing}'"):
        async with pool.session():
            pass


async def test_a_file_that_is_no_driver_is_told(options: SqlServerOptions, tmp_path: Path) -> None:
    """Given a file that is no library, When it connects, Then the driver cannot be loaded."""
    wrong = tmp_path / "libmsodbcsql.so"
    wrong.write_text("no library")
    pool = open_pool(msgspec.structs.replace(options, driver=str(wrong)))

    with pytest.raises(UnavailableError, match=f"'{wrong}' is no ODBC driver of"):
        async with pool.session():
            pass


async def test_a_cut_at_the_first_login_spoils_no_later_connection(
    pool: Pool, peer: TdsPeer
) -> None:
    """Given a cut while pyodbc asks for the types, When long texts are sent later, Then they go."""
    peer.inject(Fault(what="cut", at="types"))
    failures: list[object] = []
    lengths: list[tuple[object, ...]] = []

    while not lengths and len(failures) < 3:
        try:
            async with pool.session() as session:
                lengths = (await session.run("SELECT ?", "x" * 5000)).rows
        except (TransientError, pyodbc.Error) as error:
            failures.append(error)

    assert failures
    assert lengths == [("x" * 5000,)]
