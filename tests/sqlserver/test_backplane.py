"""Delivering batches: one statement each, and what becomes of those that fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_records
from experimentframework_sqlserver import plugin
from experimentframework_sqlserver._backplane import SqlServerBackplane
from tests.sqlserver._sessions import OneSession, ScriptedSession, looks, options, said

if TYPE_CHECKING:
    from experimentframework_sqlserver._connection.pool import Pool


def backplane(session: ScriptedSession, **settings: object) -> SqlServerBackplane:
    return SqlServerBackplane(options(**settings), cast("Pool", OneSession(session)))


def without_place() -> Record:
    envelope = Envelope(
        event_id="no-place",
        timestamp=datetime(2026, 11, 28, tzinfo=UTC),
        event_type="custom",
        schema_version="1.0.0",
        payload={"subjectId": "s" * 1000},
    )
    return encode_record(envelope)


def events(session: ScriptedSession) -> list[str]:
    return [
        each["eventId"]
        for _, (parameter,) in session.statements
        for each in json.loads(str(parameter))
    ]


async def test_a_batch_is_one_statement() -> None:
    """Given a batch, When it is delivered, Then one statement has all of it."""
    session, records = ScriptedSession(), make_records(5)

    await backplane(session).deliver(records)

    assert len(session.statements) == 1
    assert events(session) == sorted(record.event_id for record in records)


async def test_an_empty_batch_is_no_statement() -> None:
    """Given nothing, When it is delivered, Then nothing is sent."""
    session = ScriptedSession()

    await backplane(session).deliver([])

    assert session.statements == []


@pytest.mark.parametrize(
    ("number", "error"), [(10054, TransientError), (208, UnavailableError), (547, PermanentError)]
)
async def test_errors_come_as_what_they_mean(number: int, error: type[Exception]) -> None:
    """Given an error of the server, When a batch is delivered, Then it comes as its meaning."""
    session = ScriptedSession(said(number))

    with pytest.raises(error, match=r"cannot write to the table dbo\.ExperimentEvents: "):
        await backplane(session).deliver(make_records(1))


async def test_what_has_no_place_is_named_and_the_rest_stored() -> None:
    """Given a record that no column holds, When delivered, Then it is named, the rest stored."""
    session, records = ScriptedSession(), [*make_records(2), without_place()]

    with pytest.raises(PartialBatchError) as told:
        await backplane(session).deliver(records)

    assert list(told.value.failures) == [2]
    assert events(session) == sorted(record.event_id for record in records[:2])


async def test_nothing_is_sent_where_nothing_has_a_place() -> None:
    """Given only records without a place, When delivered, Then nothing is sent."""
    session = ScriptedSession()

    with pytest.raises(PartialBatchError):
        await backplane(session).deliver([without_place()])

    assert session.statements == []


async def test_without_idempotency_only_a_repetition_looks() -> None:
    """Given ``enableIdempotency: false``, When a delivery fails, Then the next one looks."""
    session = ScriptedSession(said(10054))
    under_test = backplane(session, enable_idempotency=False)
    records = make_records(1)

    with pytest.raises(TransientError):
        await under_test.deliver(records)
    await under_test.deliver(records)
    await under_test.deliver(make_records(1))

    assert looks(session) == [False, True, False]


async def test_with_idempotency_every_statement_looks() -> None:
    """Given the defaults, When batches are delivered, Then each statement looks."""
    session = ScriptedSession()
    under_test = backplane(session)

    await under_test.deliver(make_records(1))
    await under_test.deliver(make_records(1))

    assert looks(session) == [True, True]


async def test_a_ping_is_the_statement_without_events() -> None:
    """Given a server, When it is pinged, Then it takes the statement without events."""
    session = ScriptedSession()

    await backplane(session).ping()

    assert events(session) == []
    assert len(session.statements) == 1


async def test_a_server_that_is_not_there_is_a_transient_error() -> None:
    """Given no server, When the backplane is opened, Then it can be tried again."""
    context = OpenContext(name="table")

    with pytest.raises(TransientError, match="cannot connect to the user's database"):
        async with plugin.open(options(), context):
            pass
