"""How fast events get out of the embedded store into files, beside loops written by hand."""

from __future__ import annotations

import resource
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.backplanes.sqlite import SqliteBackplane, SqliteOptions, plugin
from tests.benchmarks._events import exposure
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Side, alternate
from tests.benchmarks.sqlite import _record

if TYPE_CHECKING:
    from collections.abc import Iterator

_batch = 5_000


async def store(*, path: str, events: int) -> Figures:
    """Make a store of so many events."""
    async with SqliteBackplane(path) as opened:
        for first in range(0, events, _batch):
            numbers = range(first, min(first + _batch, events))
            await opened.deliver([_record(exposure(number)) for number in numbers])
    return {}


async def ours(*, path: str, form: str) -> Figures:
    """Export a store as the command does, its process started and its modules imported."""
    from experimentframework_core._export.export import Export
    from experimentframework_core._export.outputs import FileOutput
    from experimentframework_core._reading.source import Source
    from experimentframework_core.cli._export import _seldom_collecting
    from experimentframework_core.plugin import Selection

    if form == "parquet":
        import pyarrow.parquet  # noqa: F401 - imported on both sides before the clock starts

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "events"
        source = Source("sqlite", plugin, SqliteOptions(path=path))
        output = FileOutput(out, "parquet" if form == "parquet" else "ndjson")
        run = Export(source, Selection(), output, Path(folder) / "unreadable")
        with _seldom_collecting():
            started = perf_counter()
            await run.run()
            elapsed = perf_counter() - started
        return _figures(out, form, run.events, elapsed)


async def by_hand(*, path: str, form: str) -> Figures:
    """Read the rows and write them in a plain loop; nothing is checked or typed."""
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(path)) as connection:
        out = Path(folder) / "events"
        rows = connection.execute("SELECT body FROM events ORDER BY position")
        if form == "parquet":
            import pyarrow.parquet  # noqa: F401 - imported on both sides before the clock starts
        started = perf_counter()
        events = _parquet(rows, out) if form == "parquet" else _lines(rows, out)
        return _figures(out, form, events, perf_counter() - started)


def _lines(rows: Iterator[Any], out: Path) -> int:
    events = 0
    with out.open("w") as file:
        for (body,) in rows:
            file.write(f"{body}\n")
            events += 1
    return events


def _parquet(rows: Iterator[Any], out: Path) -> int:
    """Flatten each event, and write those fields of an exposure that an analysis wants."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = [
        *("event_id", "event_type", "schema_version", "experiment", "variant", "subject"),
        *("tenant", "selection_reason", "subject_type", "rule_path", "assignment_policy"),
        *("attributes", "payload"),
    ]
    schema = pa.schema(
        [("timestamp", pa.timestamp("us", tz="UTC")), ("is_repeat_exposure", pa.bool_())]
        + [(name, pa.string()) for name in text]
    )
    events = 0
    decode, encode = msgspec.json.decode, msgspec.json.encode
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while part := rows.fetchmany(20_000):  # type: ignore[attr-defined]
            made = []
            for (body,) in part:
                event = decode(body)
                payload = event["payload"]
                made.append(
                    {
                        "timestamp": msgspec.convert(event["timestamp"], datetime),
                        "event_id": event["eventId"],
                        "event_type": event["eventType"],
                        "schema_version": event["schemaVersion"],
                        "experiment": payload.get("experimentName"),
                        "variant": payload.get("variantKey"),
                        "subject": payload.get("subjectId"),
                        "tenant": payload.get("tenantId"),
                        "selection_reason": payload.get("selectionReason"),
                        "subject_type": payload.get("subjectType"),
                        "rule_path": payload.get("rulePath"),
                        "assignment_policy": payload.get("assignmentPolicy"),
                        "is_repeat_exposure": payload.get("isRepeatExposure"),
                        "attributes": encode(payload.get("attributes")),
                        "payload": encode(payload),
                    }
                )
            writer.write_table(pa.Table.from_pylist(made, schema))
            events += len(made)
    return events


def _figures(out: Path, form: str, events: int, elapsed: float) -> Figures:
    return {
        "per_second": events / elapsed,
        "lost": events - _written(out, form),
        "file": out.stat().st_size / events,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _written(out: Path, form: str) -> int:
    if form == "parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(out).num_rows)
    with out.open("rb") as file:
        return sum(1 for _ in file)


def run(*, quick: bool) -> Report:
    """Measure both formats, and the memory of a long export beside that of a short one."""
    sizes = (1_000, 2_000, 10_000) if quick else (10_000, 200_000, 2_000_000)
    rounds = 1 if quick else 3
    short, events, long = sizes
    report = Report(benchmark="export")
    lost = 0.0
    with tempfile.TemporaryDirectory() as folder:
        paths = {size: f"{folder}/{size}.db" for size in sizes}
        for size, path in paths.items():
            Side("export", "store", {"path": path, "events": size}).run()
        for form, name in (("parquet", "Parquet"), ("ndjson", "NDJSON")):
            parameters = {"path": paths[events], "form": form}
            result = alternate(
                {
                    "ours": Side("export", "ours", parameters),
                    "by hand": Side("export", "by_hand", parameters),
                },
                rounds,
            )
            report.add(
                f"to {name}, {events:,}",
                "/s",
                result.median("ours", "per_second"),
                beside="by hand",
                other=result.median("by hand", "per_second"),
                ratio=result.ratio("ours", "by hand", "per_second"),
                bar=Bar(">= 100,000/s", 100_000, at_least=True),
            )
            memory = alternate(
                {
                    str(size): Side("export", "ours", {"path": paths[size], "form": form})
                    for size in sizes
                },
                1,
            )
            report.add(
                f"to {name}, {long:,}",
                "/s",
                memory.median(str(long), "per_second"),
                bar=Bar(">= 100,000/s", 100_000, at_least=True),
            )
            report.add(
                f"most memory, {name}, {long:,}",
                "MB",
                memory.median(str(long), "rss"),
                beside=f"{events:,}",
                other=memory.median(str(events), "rss"),
                bar=Bar("ratio <= 1.1", 1.1, on="ratio"),
            )
            lost += result.median("ours", "lost") + memory.median(str(long), "lost")
            report.notes.append(
                f"{name}: {memory.median(str(short), 'rss'):,.0f} MB with {short:,};"
                f" {result.median('ours', 'file'):,.0f} B of file for an event"
            )
    report.notes += [
        f"{rounds} rounds of fresh processes, medians; the modules are imported beforehand",
        "by hand: one plain loop, nothing checked; Parquet of 15 columns where ours has 34",
        f"events lost: {lost:.0f}",
    ]
    return report
