"""The statement of a batch, and when it is executed again."""

from __future__ import annotations

import pyodbc
import pytest

from experimentframework_core.testing import make_exposure, make_record, make_records
from experimentframework_sqlserver._writing.insert import MOST_TRIES, Insert
from experimentframework_sqlserver._writing.rows import rows_of
from tests.sqlserver._sessions import ScriptedSession, as_session, looks, options, said

DUPLICATE = said(2601, state="23000")
DEADLOCK = said(1205, state="40001")
ROWS = rows_of(make_records(2))


async def store(session: ScriptedSession, *, maybe_stored: bool = True) -> int:
    insert = Insert(options())
    return await insert.store(as_session(session), ROWS, maybe_stored=maybe_stored)


async def test_a_batch_is_one_statement_with_one_parameter() -> None:
    """Given rows, When they are stored, Then one statement has them as its one parameter."""
    session = ScriptedSession()

    await store(session)

    ((statement, parameters),) = session.statements
    assert statement.count("?") == 1
    assert parameters == (ROWS.json,)


@pytest.mark.parametrize("maybe_stored", [True, False])
async def test_it_looks_for_stored_events_where_there_may_be(*, maybe_stored: bool) -> None:
    """Given events that may be stored or not, When stored, Then the statement looks or not."""
    session = ScriptedSession()

    await store(session, maybe_stored=maybe_stored)

    assert looks(session) == [maybe_stored]


@pytest.mark.parametrize("number", [2601, 2627])
async def test_a_duplicate_is_looked_for(number: int) -> None:
    """Given an event that is stored already, When the plain insert fails, Then the next looks."""
    session = ScriptedSession(said(number, state="23000"))

    await store(session, maybe_stored=False)

    assert looks(session) == [False, True]


async def test_it_meets_other_writers_again_and_again() -> None:
    """Given other writers in the way, When it is stored, Then it is tried until it succeeds."""
    session = ScriptedSession(DUPLICATE, DEADLOCK, DUPLICATE)

    await store(session)

    assert len(session.statements) == 4


async def test_it_gives_up_at_last() -> None:
    """Given a table that always refuses, When it is stored, Then the error comes at last."""
    session = ScriptedSession(*[DUPLICATE] * 100)

    with pytest.raises(pyodbc.Error, match="2601"):
        await store(session)

    assert len(session.statements) == MOST_TRIES


async def test_other_errors_come_at_once() -> None:
    """Given another error, When it is stored, Then it is not tried again."""
    session = ScriptedSession(said(208))

    with pytest.raises(pyodbc.Error, match="208"):
        await store(session)

    assert len(session.statements) == 1


def test_the_table_is_quoted() -> None:
    """Given a table's name, When statements are made, Then every mention of it is quoted."""
    made = Insert(options(schema="my schema", table_name="my events")).statements(ROWS)

    for statement in made:
        assert statement.count("my events") == statement.count("[my schema].[my events]") > 0


def test_pascal_event_types() -> None:
    """Given the .NET spelling, When statements are made, Then they make the first letter large."""
    camel, pascal = (
        Insert(options(event_type_case=case)).statements(ROWS).always
        for case in ("camel", "pascal")
    )

    assert "UPPER(LEFT(new.EventType, 1)" in pascal
    assert "UPPER" not in camel


def test_long_events_are_read_by_json_query() -> None:
    """Given a long event, When its statement is made, Then no column cuts it off."""
    long = rows_of([make_record(make_exposure(attributes={"a": "b" * 5000}))])
    insert = Insert(options())

    assert "JSON_QUERY(element.[value], '$.payload')" in insert.statements(long).always
    assert "JSON_QUERY" not in insert.statements(ROWS).always
