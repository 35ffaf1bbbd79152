"""What batches do: transactions, locks, branches, and who waits for whom."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.peers.tds import interpreter
from tests.peers.tds.errors import SqlError
from tests.peers.tds.parameters import Parameter
from tests.peers.tds.session import Session
from tests.peers.tds.store import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.peers.tds.parameters import Value
    from tests.peers.tds.results import Outcome

LOCK = """
DECLARE @got INT;
EXEC @got = sp_getapplock @Resource = N'work', @LockMode = N'Exclusive',
    @LockOwner = N'Transaction', @LockTimeout = {};
SELECT @got;
"""


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Callable[[], Session]]:
    """Return a function that makes a session in a database with a table."""
    database, numbers, sessions = Database("shop", tmp_path), count(1), list[Session]()

    def make() -> Session:
        sessions.append(Session(database, next(numbers)))
        return sessions[-1]

    await run(make(), "CREATE TABLE Notes (Id INT NOT NULL PRIMARY KEY, Text NVARCHAR(9))")
    yield make
    for session in sessions:
        await session.close()


async def run(session: Session, text: str, **values: Value) -> list[Outcome]:
    outcomes: list[Outcome] = []
    given = [Parameter(f"@{name}", value) for name, value in values.items()]
    await interpreter.run(session, text, given, outcomes)
    return outcomes


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def notes(session: Session) -> list[object]:
    (found,) = await run(session, "SELECT Id FROM Notes ORDER BY Id")
    return [number for (number,) in found.rows]


async def test_a_batch_has_a_result_for_each_query(connect: Callable[[], Session]) -> None:
    """Given several statements, When they run, Then each says what it came to."""
    text = "INSERT INTO Notes VALUES (1, @t), (2, N'b'); SELECT Text FROM Notes; SELECT @@ROWCOUNT"

    inserted, selected, counted = await run(connect(), text, t="Ω 😀")

    assert inserted.affected == 2
    assert (selected.columns, selected.rows) == (["Text"], [("Ω 😀",), ("b",)])
    assert counted.rows == [(2,)]


async def test_others_see_what_is_committed(connect: Callable[[], Session]) -> None:
    """Given an open transaction, When another reads, Then it sees what was before."""
    writer, reader = connect(), connect()

    await run(writer, "BEGIN TRAN; INSERT INTO Notes VALUES (1, NULL)")
    before = await notes(reader)
    await run(writer, "COMMIT TRAN")

    assert (before, await notes(reader)) == ([], [1])


async def test_writers_take_turns(connect: Callable[[], Session]) -> None:
    """Given one who writes in a transaction, When another writes, Then it waits for the end."""
    first, second = connect(), connect()

    await run(first, "BEGIN TRAN; INSERT INTO Notes VALUES (1, NULL)")
    waiting = asyncio.ensure_future(run(second, "INSERT INTO Notes VALUES (2, NULL)"))
    await some_turns()
    still = not waiting.done()
    await run(first, "ROLLBACK")
    await waiting

    assert still
    assert await notes(first) == [2]


async def test_a_lock_is_given_with_the_transaction(connect: Callable[[], Session]) -> None:
    """Given a lock of a transaction, When it ends, Then another gets it, and not before."""
    first, second = connect(), connect()

    (taken,) = await run(first, "BEGIN TRAN;" + LOCK.format(0))
    (refused,) = await run(second, "BEGIN TRAN;" + LOCK.format(0))
    waiting = asyncio.ensure_future(run(second, LOCK.format(10_000)))
    await some_turns()
    await run(first, "COMMIT")
    (waited,) = await waiting

    assert [each.rows for each in (taken, refused, waited)] == [[(0,)], [(-1,)], [(1,)]]


async def test_an_error_in_try_is_caught(connect: Callable[[], Session]) -> None:
    """Given a duplicate in TRY, When it is caught, Then the transaction lives on."""
    session = connect()
    text = """
    BEGIN TRAN;
    INSERT INTO Notes VALUES (1, NULL);
    BEGIN TRY
        INSERT INTO Notes VALUES (1, NULL);
    END TRY
    BEGIN CATCH
        IF ERROR_NUMBER() NOT IN (2601, 2627) THROW;
    END CATCH;
    INSERT INTO Notes VALUES (2, NULL);
    COMMIT;
    """

    await run(session, text)

    assert await notes(session) == [1, 2]


@pytest.mark.parametrize(("setting", "left"), [("ON", []), ("OFF", [1])])
async def test_an_error_ends_the_transaction_where_that_is_set(
    connect: Callable[[], Session], setting: str, left: list[int]
) -> None:
    """Given a duplicate, When it comes, Then XACT_ABORT says whether all is rolled back."""
    session = connect()
    await run(session, f"SET XACT_ABORT {setting}; BEGIN TRAN")

    with pytest.raises(SqlError) as raised:
        await run(session, "INSERT INTO Notes VALUES (1, NULL); INSERT INTO Notes VALUES (1, NULL)")

    assert raised.value.number == 2627
    assert await notes(session) == left


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("SELECT 1 FROM Missing", 208),
        ("SELECT Missing FROM Notes", 207),
        ("SELECT missing(1)", 195),
        ("CREATE TABLE Notes (Id INT)", 2714),
        ("INSERT INTO Notes VALUES (NULL, NULL)", 515),
        ("INSERT INTO Notes VALUES (1, N'0123456789')", 2628),
        ("SELECT CAST(N'noon' AS DATETIMEOFFSET(7))", 241),
        ("SELECT 1 1", 102),
        ("COMMIT", 3902),
        ("THROW 50000, N'no', 1", 50000),
        ("MERGE INTO Notes", 50001),
        ("EXEC sp_who", 50001),
    ],
)
async def test_errors_have_their_numbers(
    connect: Callable[[], Session], text: str, number: int
) -> None:
    """Given a statement that is wrong, When it runs, Then its number is that of SQL Server."""
    with pytest.raises(SqlError) as raised:
        await run(connect(), text)

    assert raised.value.number == number
