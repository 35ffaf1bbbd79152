"""Rows a second into SQL Server, beside loops over aioodbc, and how long a statement stops us."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from secrets import token_hex
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import Exposure, utc_now
from experimentframework_core.plugin import OpenContext
from experimentframework_sqlserver._table.naming import names_of
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, NothingToMeasureError, Rounds, Side, alternate
from tests.peers.sqlserver_choice import variable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_sqlserver import SqlServerOptions

    Write = Callable[[Any, Sequence[Record]], Awaitable[None]]

_WARM = 500
_CONTEXT = OpenContext(name="events")
_COLUMNS = (
    "EventId, Timestamp, EventType, SchemaVersion, PayloadJson, CorrelationId, TraceParent,"
    " MetadataJson, ExperimentName, VariantKey, SubjectId, TenantId"
)
_ROW = """
INSERT INTO [$(Schema)].[$(Table)] (COLUMNS)
VALUES (?, CAST(? AS DATETIMEOFFSET(7)), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
""".replace("COLUMNS", _COLUMNS)
_PLAIN = """
INSERT INTO [$(Schema)].[$(Table)] (COLUMNS)
SELECT COLUMNS FROM OPENJSON(CAST(? AS NVARCHAR(MAX))) WITH
(
    EventId        VARCHAR(128)      '$.eventId',
    Timestamp      DATETIMEOFFSET(7) '$.timestamp',
    EventType      NVARCHAR(128)     '$.eventType',
    SchemaVersion  NVARCHAR(32)      '$.schemaVersion',
    PayloadJson    NVARCHAR(MAX)     '$.payload' AS JSON,
    CorrelationId  NVARCHAR(512)     '$.correlationId',
    TraceParent    NVARCHAR(64)      '$.traceparent',
    MetadataJson   NVARCHAR(MAX)     '$.metadata' AS JSON,
    ExperimentName NVARCHAR(256)     '$.payload.experimentName',
    VariantKey     NVARCHAR(256)     '$.payload.variantKey',
    SubjectId      NVARCHAR(512)     '$.payload.subjectId',
    TenantId       NVARCHAR(512)     '$.payload.tenantId'
) AS given
""".replace("COLUMNS", _COLUMNS)
_GUARDED = f"""{_PLAIN}
WHERE NOT EXISTS
(
    SELECT 1 FROM [$(Schema)].[$(Table)] AS present
    WHERE present.EventId = given.EventId COLLATE Latin1_General_100_BIN2
)
"""  # noqa: S608 - the parts are constants


async def ours(
    *, connection_string: str, batch: int, events: int, idempotent: bool = True
) -> Figures:
    """Deliver ready records through the backplane, as the channel does."""
    from experimentframework_sqlserver import plugin

    options = await _table(connection_string, enable_idempotency=idempotent)
    records = _records(events + _WARM)
    async with plugin.open(options, _CONTEXT) as backplane:
        await backplane.deliver(records[:_WARM])
        async with _measured(options, events) as figures:
            for portion in _portions(records, batch):
                await backplane.deliver(portion)
    return figures


async def row_by_row(*, connection_string: str, batch: int, events: int) -> Figures:
    """Execute an INSERT for each record, and commit each portion."""

    async def write(cursor: Any, portion: Sequence[Record]) -> None:
        for record in portion:
            await cursor.execute(statement, *_values(record))
        await cursor.commit()

    options = await _table(connection_string)
    statement = names_of(options).within(_ROW)
    return await _by_hand(options, write, batch, events, autocommit=False)


async def executemany(*, connection_string: str, batch: int, events: int) -> Figures:
    """Give each portion to executemany, and commit it."""

    async def write(cursor: Any, portion: Sequence[Record]) -> None:
        await cursor.executemany(statement, [_values(record) for record in portion])
        await cursor.commit()

    options = await _table(connection_string)
    statement = names_of(options).within(_ROW)
    return await _by_hand(options, write, batch, events, autocommit=False)


async def openjson(*, connection_string: str, batch: int, events: int, guarded: bool) -> Figures:
    """Execute one INSERT from OPENJSON for each portion, with or without NOT EXISTS."""

    async def write(cursor: Any, portion: Sequence[Record]) -> None:
        await cursor.execute(statement, f"[{','.join(each.body.decode() for each in portion)}]")

    options = await _table(connection_string)
    statement = names_of(options).within(_GUARDED if guarded else _PLAIN)
    return await _by_hand(options, write, batch, events, autocommit=True)


async def blocked(*, connection_string: str, seconds: float) -> Figures:
    """Deliver an event that another connection is about to store, and does not commit."""
    from experimentframework_sqlserver import plugin

    options = await _table(connection_string)
    (record,) = _records(1)
    lags: list[float] = []
    async with plugin.open(options, _CONTEXT) as backplane:
        await backplane.ping()  # type: ignore[attr-defined]
        release = await asyncio.to_thread(_hold, options, record, seconds)
        watching = asyncio.ensure_future(_watch(lags))
        started = perf_counter()
        await backplane.deliver([record])
        took = perf_counter() - started
        watching.cancel()
        await asyncio.to_thread(release.join)
    lags.sort()
    return {
        "took": took * 1e3,
        "p99": lags[len(lags) * 99 // 100] * 1e3,
        "worst": lags[-1] * 1e3,
    }


def _hold(options: SqlServerOptions, record: Record, seconds: float) -> threading.Timer:
    """Store the record, and undo it after so many seconds; return what does that."""
    from tests.sqlserver.engine.database import connect

    connection = connect(options, autocommit=False)
    connection.execute(names_of(options).within(_ROW), *_values(record))

    def undo() -> None:
        connection.rollback()
        connection.close()

    timer = threading.Timer(seconds, undo)
    timer.start()
    return timer


async def _by_hand(
    options: SqlServerOptions, write: Write, batch: int, events: int, *, autocommit: bool
) -> Figures:
    import aioodbc

    from experimentframework_sqlserver._connection.connecting import target_of

    records = _records(events + _WARM)
    dsn = target_of(options).text.reveal()
    with ThreadPoolExecutor(1) as executor:
        async with (
            aioodbc.connect(dsn=dsn, executor=executor, autocommit=autocommit) as connection,
            connection.cursor() as cursor,
        ):
            await write(cursor, records[:_WARM])
            async with _measured(options, events) as figures:
                for portion in _portions(records, batch):
                    await write(cursor, portion)
    return figures


async def _table(connection_string: str, **changes: object) -> SqlServerOptions:
    """Make a table as the backplane has it; return the options for it."""
    from experimentframework_sqlserver import plugin
    from tests.sqlserver.engine.database import Engine

    options = Engine(connection_string).options(f"Events{token_hex(6)}", auto_migrate=True)
    async with plugin.open(options, _CONTEXT):
        return Engine(connection_string).options(options.table_name, **changes)


def _values(record: Record) -> tuple[object, ...]:
    """Return a record's columns; the payload is the part of the body that it is there."""
    body = record.body.decode()
    first = body.index('"payload":') + len('"payload":')
    return (
        record.event_id,
        body[body.index('"timestamp":') + 13 : body.index('","eventType"')],
        record.event_type,
        record.schema_version,
        body[first : body.index(',"correlationId"')],
        record.correlation_id,
        record.traceparent,
        None,
        record.experiment,
        "express",
        record.subject,
        record.tenant,
    )


def _records(number: int) -> list[Record]:
    return [
        encode_record(
            Envelope(
                event_id=str(uuid4()),
                timestamp=utc_now(),
                event_type="exposure",
                schema_version="1.0.0",
                payload=Exposure(
                    experiment_name="checkout",
                    variant_key="express",
                    subject_id=f"subject-{each}",
                    selection_reason="hash-assignment",
                    attributes={"country": "de", "device": "phone", "basket": each},
                ),
                correlation_id=f"request-{each}",
                traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
        )
        for each in range(number)
    ]


def _portions(records: list[Record], batch: int) -> list[list[Record]]:
    return [records[first : first + batch] for first in range(_WARM, len(records), batch)]


@asynccontextmanager
async def _measured(options: SqlServerOptions, events: int) -> AsyncIterator[Figures]:
    """Yield figures that are filled in when the body has ended."""
    figures: Figures = {}
    wall = perf_counter()
    yield figures
    figures["per_second"] = events / (perf_counter() - wall)
    figures["lost"] = _WARM + events - await asyncio.to_thread(_stored, options)


def _stored(options: SqlServerOptions) -> int:
    from tests.sqlserver.engine.database import rows

    ((stored,),) = rows(options, "SELECT CAST(COUNT(*) AS INT) FROM [$(Schema)].[$(Table)]")
    assert isinstance(stored, int)
    return stored


async def _watch(lags: list[float]) -> None:
    while True:
        slept = perf_counter()
        await asyncio.sleep(0.001)
        lags.append(perf_counter() - slept - 0.001)


def run(*, quick: bool) -> Report:
    """Measure batches of 100 and 500, and a statement of five seconds."""
    given = os.environ.get(variable, "").strip()
    if not given:
        raise NothingToMeasureError(
            f"set {variable} to the ODBC connection string of an engine to measure on"
        )
    report = Report(benchmark="sqlserver")
    from tests.sqlserver.engine.database import fresh, rows

    with fresh(given) as engine:
        to: dict[str, object] = {"connection_string": engine.connection_string}
        lost = 0.0
        for batch in (100, 500):
            result, sides = _compare(to, batch, quick=quick)
            lost += sum(abs(result.median(side, "lost")) for side in sides)
            _add(report, batch, result)
        seconds = 0.5 if quick else 5.0
        lag = Side("sqlserver", "blocked", {**to, "seconds": seconds}).run()
        report.add("a statement that waits for a lock", "ms", lag["took"])
        report.add("loop lag p99 meanwhile", "ms", lag["p99"])
        report.add("loop lag, the worst meanwhile", "ms", lag["worst"], bar=Bar("<= 10 ms", 10))
        ((version,),) = rows(engine.options("none"), "SELECT CAST(@@VERSION AS NVARCHAR(200))")
    report.notes = [
        f"the engine, on the same machine: {str(version).splitlines()[0].strip()}",
        (
            "fresh processes in alternating rounds, medians; each side has one connection and a new"
            " table with the backplane's five indexes, and fills the same columns"
        ),
        f"events lost: {lost:.0f}",
    ]
    return report


def _compare(to: dict[str, object], batch: int, *, quick: bool) -> tuple[Rounds, dict[str, Side]]:
    many, few, rounds = (1_000, 500, 1) if quick else (10_000, 1_000, 3)
    at = {**to, "batch": batch, "events": many}
    sides = {
        "ours": Side("sqlserver", "ours", at),
        "ours, not idempotent": Side("sqlserver", "ours", {**at, "idempotent": False}),
        "OPENJSON, NOT EXISTS": Side("sqlserver", "openjson", {**at, "guarded": True}),
        "OPENJSON": Side("sqlserver", "openjson", {**at, "guarded": False}),
        "executemany": Side("sqlserver", "executemany", {**at, "events": few}),
        "row by row": Side("sqlserver", "row_by_row", {**at, "events": few}),
    }
    return alternate(sides, rounds), sides


def _add(report: Report, batch: int, result: Rounds) -> None:
    bar = Bar("ratio >= 0.9", 0.9, on="ratio", at_least=True)
    for side, other, judged in (
        ("ours", "OPENJSON, NOT EXISTS", True),
        ("ours, not idempotent", "OPENJSON", True),
        ("ours", "OPENJSON", False),
        ("ours", "executemany", False),
        ("ours", "row by row", False),
    ):
        report.add(
            f"events/s of {batch}, {side}",
            "/s",
            result.median(side, "per_second"),
            beside=other,
            other=result.median(other, "per_second"),
            ratio=result.ratio(side, other, "per_second"),
            bar=bar if judged else None,
        )
