"""How fast events reach the embedded store, beside an executemany written by hand."""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
from uuid_utils import uuid7

from experimentframework_core._sqlite.database import share
from experimentframework_core.backplanes.sqlite import SqliteBackplane, SqliteOptions
from experimentframework_core.config import BackplaneOptions, BufferOptions, DataPlaneOptions
from experimentframework_core.envelope import Envelope, Record
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Side, alternate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.events import Exposure

    Row = tuple[str | int | None, ...]

_batch = 500
_epoch = datetime(1970, 1, 1, tzinfo=UTC)
_microsecond = datetime.resolution
_encode = msgspec.json.Encoder().encode
_insert = "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


async def plane(*, events: int, ready: bool) -> Figures:
    """Publish to the embedded store and flush.

    Args:
        events: How many.
        ready: Make all events beforehand, outside the timed part.
    """
    from experimentframework_core import DataPlane

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        options = DataPlaneOptions(
            buffer=BufferOptions(when_full="block", block_timeout_ms=60_000),
            backplane=BackplaneOptions(type="sqlite", options=SqliteOptions(path=str(path))),
        )
        made = _ready(events) if ready else None
        async with DataPlane(options) as opened:
            started = perf_counter()
            if made is None:
                for number in range(events):
                    await opened.publish(exposure(number))
            else:
                for event in made:
                    await opened.publish(event)
            await opened.flush()
            elapsed = perf_counter() - started
        return _figures(path, events, elapsed)


async def events_by_hand(*, events: int) -> Figures:
    """Encode and insert the same events in a plain loop, a transaction for each batch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        connection = await _connect(path)
        made = _ready(events)
        started = perf_counter()
        for first in range(0, events, _batch):
            _execute(connection, [_row_of(event) for event in made[first : first + _batch]])
        elapsed = perf_counter() - started
        connection.close()
        return _figures(path, events, elapsed)


async def backplane(*, events: int) -> Figures:
    """Deliver ready records to the backplane alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        records = [_record(exposure(number)) for number in range(events)]
        async with SqliteBackplane(path) as opened:
            started = perf_counter()
            for first in range(0, events, _batch):
                await opened.deliver(records[first : first + _batch])
            elapsed = perf_counter() - started
        return _figures(path, events, elapsed)


async def records_by_hand(*, events: int) -> Figures:
    """Insert the same ready records in a plain loop."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        connection = await _connect(path)
        records = [_record(exposure(number)) for number in range(events)]
        started = perf_counter()
        for first in range(0, events, _batch):
            batch = records[first : first + _batch]
            now = (datetime.now(UTC) - _epoch) // _microsecond
            _execute(connection, [_row_from(record, now) for record in batch])
        elapsed = perf_counter() - started
        connection.close()
        return _figures(path, events, elapsed)


def _ready(events: int) -> list[Exposure]:
    return [exposure(number) for number in range(events)]


async def _connect(path: Path) -> sqlite3.Connection:
    async with SqliteBackplane(path):
        pass
    connection = sqlite3.connect(path, isolation_level=None)
    share(connection)
    return connection


def _execute(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_insert, rows)
    connection.execute("COMMIT")


def _envelope(event: Exposure) -> Envelope:
    return Envelope(
        event_id=str(uuid7()),
        timestamp=datetime.now(UTC),
        event_type="exposure",
        schema_version="1.0.0",
        payload=event,
    )


def _row_of(event: Exposure) -> Row:
    envelope = _envelope(event)
    now = (envelope.timestamp - _epoch) // _microsecond
    return (
        envelope.event_id,
        "exposure",
        "1.0.0",
        event.experiment_name,
        event.variant_key,
        event.subject_id,
        event.tenant_id,
        None,
        now,
        now,
        _encode(envelope).decode(),
    )


def _record(event: Exposure) -> Record:
    return Record(
        body=_encode(_envelope(event)),
        event_type="exposure",
        schema_version="1.0.0",
        experiment=event.experiment_name,
        variant=event.variant_key,
        subject=event.subject_id,
        tenant=event.tenant_id,
    )


def _row_from(record: Record, now: int) -> Row:
    return (
        record.event_id,
        record.event_type,
        record.schema_version,
        record.experiment,
        record.variant,
        record.subject,
        record.tenant,
        record.correlation_id,
        record.timestamp_ns // 1_000,
        now,
        record.body.decode(),
    )


def _figures(path: Path, events: int, elapsed: float) -> Figures:
    connection = sqlite3.connect(path)
    (stored,) = connection.execute("SELECT count(*) FROM events").fetchone()
    connection.close()
    return {
        "per_second": events / elapsed,
        "lost": events - stored,
        "file": path.stat().st_size / events,
    }


def run(*, quick: bool) -> Report:
    """Measure through the plane, the backplane alone, and a long average."""
    events, long, rounds = (2_000, 50_000, 1) if quick else (100_000, 2_000_000, 3)
    result = alternate(
        {
            "plane": Side("sqlite", "plane", {"events": events, "ready": True}),
            "events by hand": Side("sqlite", "events_by_hand", {"events": events}),
            "backplane": Side("sqlite", "backplane", {"events": events}),
            "records by hand": Side("sqlite", "records_by_hand", {"events": events}),
        },
        rounds,
    )
    average = alternate({"plane": Side("sqlite", "plane", {"events": long, "ready": False})}, 1)
    report = Report(benchmark="sqlite")
    bar = Bar("ratio >= 0.8", 0.8, on="ratio", at_least=True)
    for what, side, other in (
        ("from publish to the disk", "plane", "events by hand"),
        ("from ready records to the disk", "backplane", "records by hand"),
    ):
        report.add(
            f"{what}, {events:,}",
            "/s",
            result.median(side, "per_second"),
            beside=other,
            other=result.median(other, "per_second"),
            ratio=result.ratio(side, other, "per_second"),
            bar=bar,
        )
    report.add(
        f"average over {long:,}",
        "/s",
        average.median("plane", "per_second"),
        bar=Bar(">= 20,000/s", 20_000, at_least=True),
    )
    lost = average.median("plane", "lost") + sum(
        result.median(side, "lost") for side in ("plane", "backplane")
    )
    report.notes = [
        (
            f"{rounds} rounds of fresh processes, medians; batches of {_batch}, each a synced"
            " transaction on both sides, the same file schema and settings"
        ),
        "by hand: one plain thread, no plane, executemany; the average includes making the events",
        f"events lost: {lost:.0f}; {average.median('plane', 'file'):,.0f} B of file for an event",
    ]
    return report
