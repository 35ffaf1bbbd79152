"""How fast events are replayed out of the embedded store, beside loops written by hand."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from experimentframework_core._sqlite.database import share
from experimentframework_core.backplanes.sqlite import SqliteBackplane, SqliteOptions
from experimentframework_core.config import BackplaneOptions, DataPlaneOptions
from experimentframework_core.replay import replay
from tests.benchmarks._events import exposure
from tests.benchmarks._kafka_sides import _stored
from tests.benchmarks._report import Bar, Report
from tests.benchmarks._run import Figures, Rounds, Side, alternate
from tests.benchmarks._sending import resident
from tests.benchmarks.sqlite import _record
from tests.kafka.topics import create_topic
from tests.peers.kafka_choice import variable
from tests.peers.kafka_java import JavaBroker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.plugin import ChannelSettings

_portion = 500
_columns = (
    "event_id, type, schema_version, experiment, variant, subject, tenant, correlation_id,"
    " occurred_at, stored_at, body"
)
_insert = f"INSERT INTO events ({_columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant


async def fill(*, path: str, events: int) -> Figures:
    """Store the events that are replayed."""
    async with SqliteBackplane(path) as opened:
        for first in range(0, events, 5_000):
            last = min(events, first + 5_000)
            await opened.deliver([_record(exposure(number)) for number in range(first, last)])
    return {}


async def to_sqlite(*, path: str, events: int) -> Figures:
    """Replay into another file, with a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "copy.db"
        figures = await _replayed(path, "sqlite", SqliteOptions(path=str(target)), Path(folder))
        return figures | {"lost": events - _count(target)}


async def to_sqlite_by_hand(*, path: str, events: int) -> Figures:
    """Copy the rows in a plain loop, a synced transaction for each portion."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "copy.db"
        async with SqliteBackplane(target):
            pass
        with closing(sqlite3.connect(target, isolation_level=None)) as connection:
            share(connection)
            started = perf_counter()
            for rows in _portions(path):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_insert, rows)
                connection.execute("COMMIT")
            elapsed = perf_counter() - started
        return _figures(events, elapsed) | {"lost": events - _count(target)}


async def to_kafka(*, path: str, events: int, brokers: str, topic: str) -> Figures:
    """Replay into a topic, with a checkpoint."""
    from experimentframework_kafka import KafkaOptions

    before = _stored(brokers, topic)
    with tempfile.TemporaryDirectory() as folder:
        options = KafkaOptions(brokers=brokers, topic=topic)
        figures = await _replayed(path, "kafka", options, Path(folder))
    return figures | {"lost": before + events - _stored(brokers, topic)}


async def to_kafka_by_hand(*, path: str, events: int, brokers: str, topic: str) -> Figures:
    """Give the rows to ``AIOKafkaProducer.send``, and await each portion."""
    from aiokafka import AIOKafkaProducer

    before = _stored(brokers, topic)
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers,
        acks="all",
        enable_idempotence=True,
        compression_type="snappy",
        max_batch_size=256 * 1024,
    )
    async with producer:
        started = perf_counter()
        for rows in _portions(path):
            futures = [
                await producer.send(
                    topic,
                    str(row[10]).encode(),
                    key=str(row[3]).encode(),
                    timestamp_ms=int(row[8]) // 1000,
                    headers=[
                        ("event-id", str(row[0]).encode()),
                        ("event-type", str(row[1]).encode()),
                        ("schema-version", str(row[2]).encode()),
                    ],
                )
                for row in rows
            ]
            await asyncio.gather(*futures)
        elapsed = perf_counter() - started
    return _figures(events, elapsed) | {"lost": before + events - _stored(brokers, topic)}


async def _replayed(path: str, kind: str, options: ChannelSettings, folder: Path) -> Figures:
    source = _plane("sqlite", SqliteOptions(path=path))
    summary = await replay(source, _plane(kind, options), checkpoint=folder / "checkpoint.json")
    if not summary.ok:
        raise RuntimeError("; ".join(summary.troubles()))
    return _figures(summary.read, summary.seconds)


def _plane(kind: str, options: ChannelSettings) -> DataPlaneOptions:
    return DataPlaneOptions(backplane=BackplaneOptions(type=kind, options=options))


def _portions(path: str) -> Iterator[Sequence[tuple[str | int, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute(f"SELECT {_columns} FROM events ORDER BY position")  # noqa: S608 - a constant
        while rows := cursor.fetchmany(_portion):
            yield rows


def _count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (stored,) = connection.execute("SELECT count(*) FROM events").fetchone()
    return int(stored)


def _figures(events: int, elapsed: float) -> Figures:
    return {"per_second": events / elapsed, "rss": resident("VmHWM") / 1024}


def run(*, quick: bool) -> Report:
    """Measure into a file and into a topic, and a long replay for its average and its memory."""
    events, few, long, rounds = (
        (2_000, 1_000, 4_000, 1) if quick else (100_000, 10_000, 2_000_000, 3)
    )
    report = Report(benchmark="replay")
    lost = 0.0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = str(folder / "events.db")
        Side("replay", "fill", {"path": path, "events": events}).run()
        given = {"path": path, "events": events}
        pairs = {"sqlite": _measured("sqlite", given, rounds)}
        if brokers := _brokers(stack, report):
            given |= {"brokers": brokers, "topic": create_topic(brokers, 6)}
            pairs["kafka"] = _measured("kafka", given, rounds)
        for kind, result in pairs.items():
            lost += _add(
                report,
                f"sqlite to {kind}, {events:,}",
                result,
                20_000 if kind == "sqlite" else 50_000,
            )
        lost += _long(report, folder, few, long)
    report.notes = [
        (
            f"{rounds} rounds of fresh processes, medians; by hand: no checkpoint, no look at what"
            f" is read, {_portion} at a time, each portion confirmed before the next"
        ),
        "RSS is the peak of the whole process; the broker is on the same machine",
        f"events lost: {lost:.0f}",
    ]
    return report


def _brokers(stack: ExitStack, report: Report) -> str | None:
    if named := os.environ.get(variable):
        return named
    if shutil.which("java") is None:
        report.skipped.append("sqlite to kafka: no java in PATH to run a broker")
        return None
    return stack.enter_context(JavaBroker()).brokers


def _measured(kind: str, given: dict[str, object], rounds: int) -> Rounds:
    return alternate(
        {
            "replay": Side("replay", f"to_{kind}", given),
            "by hand": Side("replay", f"to_{kind}_by_hand", given),
        },
        rounds,
    )


def _add(report: Report, what: str, result: Rounds, limit: int) -> float:
    report.add(
        what,
        "/s",
        result.median("replay", "per_second"),
        beside="by hand",
        other=result.median("by hand", "per_second"),
        ratio=result.ratio("replay", "by hand", "per_second"),
        bar=Bar(f">= {limit:,}/s", limit, at_least=True),
    )
    return result.median("replay", "lost")


def _long(report: Report, folder: Path, few: int, long: int) -> float:
    """Replay few events and many; the memory must be the same."""
    figures = {}
    for number in (few, long):
        path = str(folder / f"{number}.db")
        Side("replay", "fill", {"path": path, "events": number}).run()
        given = {"path": path, "events": number}
        sides = {"replay": Side("replay", "to_sqlite", given)}
        if number == long:
            sides["by hand"] = Side("replay", "to_sqlite_by_hand", given)
        figures[number] = alternate(sides, 1)
    _add(report, f"average over {long:,}", figures[long], 20_000)
    report.add(
        f"RSS of {long:,}",
        "MiB",
        figures[long].median("replay", "rss"),
        beside=f"of {few:,}",
        other=figures[few].median("replay", "rss"),
        bar=Bar("ratio <= 1.1", 1.1, on="ratio"),
    )
    return figures[long].median("replay", "lost")
