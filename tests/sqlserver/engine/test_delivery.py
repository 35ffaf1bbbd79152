"""What is in the table after a delivery, as a connection that is not ours sees it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.codec import decode, encode
from experimentframework_core.errors import UnavailableError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_exposure, make_outcome, make_record, make_records
from experimentframework_sqlserver import SqlServerOptions, plugin
from tests.sqlserver.engine.database import Engine, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record

CONTEXT = OpenContext(name="events", delivery_timeout=20)
LIMIT = 256 * 1024
PARIS = timezone(timedelta(hours=2))
ROW = """
SELECT EventId, CONVERT(VARCHAR(40), SWITCHOFFSET(Timestamp, '+00:00'), 126), EventType,
    SchemaVersion, CorrelationId, TraceParent, ExperimentName, VariantKey, SubjectId, TenantId
FROM [$(Schema)].[$(Table)]
"""


async def _deliver(options: SqlServerOptions, *batches: Sequence[Record]) -> None:
    async with plugin.open(options, CONTEXT) as backplane:
        for batch in batches:
            await backplane.deliver(batch)


async def _bodies(options: SqlServerOptions) -> list[bytes]:
    assert plugin.read is not None
    return [encode(envelope) async for envelope in plugin.read(options, Selection())]


def _ids(options: SqlServerOptions) -> list[object]:
    return [each for (each,) in rows(options, "SELECT EventId FROM [$(Schema)].[$(Table)]")]


async def test_a_row_is_as_it_is_described(options: SqlServerOptions) -> None:
    """Given an event, When it is delivered, Then each column has its part of it."""
    at = datetime(2026, 3, 1, 14, 0, 0, 123456, tzinfo=PARIS)
    event = make_exposure(subject_id="u-1", tenant_id="acme", attributes={"text": "Ω 😀"})
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    record = make_record(
        event,
        timestamp=at,
        correlation_id="request-1",
        metadata={"rate": 0.5},
        traceparent=traceparent,
    )

    await _deliver(options, [record])

    ((event_id, timestamp, *others),) = rows(options, ROW)
    assert event_id == record.event_id
    assert str(timestamp).replace("T", " ").startswith("2026-03-01 12:00:00.123456")
    assert others == [
        *("exposure", "1.0.0", "request-1", traceparent),
        *("checkout", "express", "u-1", "acme"),
    ]
    texts = "SELECT PayloadJson, MetadataJson, ExtraJson FROM [$(Schema)].[$(Table)]"
    ((payload, metadata, extra),) = rows(options, texts)
    assert json.loads(str(payload)) == json.loads(record.body)["payload"]
    assert json.loads(str(metadata)) == {"rate": 0.5}
    assert extra is None


async def test_a_time_with_an_offset_is_the_same_moment(options: SqlServerOptions) -> None:
    """Given times of two offsets, When they are delivered, Then the rows have the same moment."""
    noon = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)  # noqa: UP017
    here, there = (make_record(timestamp=noon.astimezone(zone)) for zone in (PARIS, noon.tzinfo))

    await _deliver(options, [here, there])

    query = "SELECT COUNT(DISTINCT Timestamp) FROM [$(Schema)].[$(Table)]"
    assert rows(options, query) == [(1,)]
    assert [decode(body).timestamp for body in await _bodies(options)] == [noon, noon]


async def test_what_is_delivered_again_is_there_once(options: SqlServerOptions) -> None:
    """Given batches that overlap, When all were delivered twice, Then each event is there once."""
    records = make_records(30)

    await _deliver(options, records[:20], records[10:], records, records[5:15])

    assert sorted(map(str, _ids(options))) == sorted(each.event_id for each in records)


@pytest.mark.parametrize("enable_idempotency", [True, False])
async def test_an_event_twice_in_a_batch_is_there_once(
    enable_idempotency: bool,  # noqa: FBT001
    engine: Engine,
    table: str,
) -> None:
    """Given a batch with an event twice, When it is delivered, Then it is there once."""
    options = engine.options(table, auto_migrate=True, enable_idempotency=enable_idempotency)
    one, other = make_records(2)

    await _deliver(options, [one, other, one])

    assert sorted(map(str, _ids(options))) == sorted([one.event_id, other.event_id])


async def test_without_idempotency_what_was_stored_is_there_once(
    engine: Engine, table: str
) -> None:
    """Given the plain statement, When events come again, Then each is there once all the same."""
    options = engine.options(table, auto_migrate=True, enable_idempotency=False)
    records = make_records(30)

    await _deliver(options, records[:20], records[10:], records)

    assert sorted(map(str, _ids(options))) == sorted(each.event_id for each in records)


async def test_an_event_at_the_size_limit_arrives(options: SqlServerOptions) -> None:
    """Given an event of just the limit, When it is delivered, Then it is read byte for byte."""
    empty = len(make_record(make_exposure(attributes={"text": ""}, subject_id="u")).body)
    event = make_exposure(attributes={"text": "é" * ((LIMIT - empty) // 2)}, subject_id="u")
    record = make_record(event)
    assert LIMIT - 1 <= len(record.body) <= LIMIT

    await _deliver(options, [*make_records(2), record])

    assert record.body in await _bodies(options)


async def test_types_are_written_as_the_dotnet_original_has_them(
    engine: Engine, table: str
) -> None:
    """Given pascal, When events are delivered, Then the column begins with a capital."""
    options = engine.options(table, auto_migrate=True, event_type_case="pascal")
    records = [make_record(), make_record(make_outcome())]

    await _deliver(options, records)

    types = rows(options, "SELECT EventType FROM [$(Schema)].[$(Table)] ORDER BY EventType")
    assert types == [("Exposure",), ("Outcome",)]
    assert set(await _bodies(options)) == {each.body for each in records}


async def test_a_missing_table_says_which_command_makes_it(engine: Engine, table: str) -> None:
    """Given no table and no autoMigrate, When it is opened, Then it says what to run."""
    opening = plugin.open(engine.options(table), CONTEXT)

    with pytest.raises(UnavailableError, match="experimentframework sqlserver migrate"):
        await opening.__aenter__()


async def test_a_wrong_password_is_told_and_not_shown(options: SqlServerOptions) -> None:
    """Given a wrong password, When it is opened, Then it says so without the password."""
    wrong = options.connection_string.reveal() + ";APP=x"
    parts = [part for part in wrong.split(";") if not part.upper().startswith("PWD=")]
    text = type(options.connection_string)(";".join([*parts, "PWD=hunter2"]))
    opening = plugin.open(msgspec.structs.replace(options, connection_string=text), CONTEXT)

    with pytest.raises(UnavailableError, match="refuses the user or the password") as caught:
        await opening.__aenter__()

    assert "hunter2" not in str(caught.value)


async def test_a_missing_database_is_told(options: SqlServerOptions) -> None:
    """Given a database that is not there, When it is opened, Then it says so."""
    parts = options.connection_string.reveal().split(";")
    others = [part for part in parts if not part.lower().startswith("database=")]
    text = type(options.connection_string)(";".join([*others, "Database=not_there"]))
    opening = plugin.open(msgspec.structs.replace(options, connection_string=text), CONTEXT)

    with pytest.raises(UnavailableError, match="see Database in connectionString"):
        await opening.__aenter__()
