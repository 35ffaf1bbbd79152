"""Lines in, events out: as fast as the destinations take them, in bounded memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from experimentframework_core.cli._chunks import ChunkReader
from experimentframework_core.cli._event_line import LineError, parse, reason_of
from experimentframework_core.cli._ndjson import LineSplitter
from experimentframework_core.cli._output import count
from experimentframework_core.cli._progress import shown
from experimentframework_core.cli._stop import DELIVERING, Stop
from experimentframework_core.cli._summary import MOST_SHOWN, Counts, Summary
from experimentframework_core.errors import InvalidEventError, PublishError
from experimentframework_core.plane import DataPlane

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_core.cli._progress import Reporter
    from experimentframework_core.config import DataPlaneOptions

LINE_LIMIT = 1024 * 1024
"""Most bytes of one line."""


async def publish_lines(options: DataPlaneOptions, descriptor: int, progress: Reporter) -> Summary:
    """Publish the events in ``descriptor`` and wait until they are delivered.

    A first SIGINT or SIGTERM ends the reading; what was accepted is still delivered.
    """
    counts = Counts()
    plane = DataPlane(options)
    with progress, Stop(partial(progress.note, DELIVERING)) as stop:
        async with plane:
            tell = partial(_progress, plane, counts)
            with shown(progress, tell), stop.cancels_body():
                await _Pump(plane, counts, progress).run(descriptor)
    counts.stopped_by = stop.signal
    if counts.broken > MOST_SHOWN:
        progress.note(f"… and {counts.broken - MOST_SHOWN:,} more broken lines")
    statistics = plane.statistics()
    if counts.stopped_by is not None:
        # The line in hand when the signal came may have been taken or not: the plane knows.
        filtered = sum(statistics.filtered.values())
        counts.lines = counts.blank + counts.broken + filtered + statistics.accepted
    health = await plane.health()
    reasons = {
        name: each.description
        for name, each in health.diagnostics.items()
        if each.diagnostics["last_error"] is not None
    }
    return Summary(counts, statistics, reasons)


class _Pump:
    def __init__(self, plane: DataPlane, counts: Counts, progress: Reporter) -> None:
        self._plane = plane
        self._counts = counts
        self._progress = progress

    async def run(self, descriptor: int) -> None:
        lines = LineSplitter(LINE_LIMIT)
        with ChunkReader(descriptor) as reader:
            while chunk := await self._read(reader):
                await self._publish(lines.feed(chunk))
                self._counts.bytes += len(chunk)
        await self._publish(lines.end())

    async def _read(self, reader: ChunkReader) -> bytes:
        try:
            return await reader.read()
        except OSError as error:
            self._counts.read_error = error.strerror or str(error)
            return b""

    async def _publish(self, lines: Iterable[tuple[int, bytes | None]]) -> None:
        for number, line in lines:
            try:
                if line is None:
                    raise LineError(f"longer than {LINE_LIMIT:,} bytes")  # noqa: TRY301 - one reporter
                if line:
                    await self._publish_one(line)
                else:
                    self._counts.blank += 1
            except (LineError, PublishError) as error:
                self._report(number, str(error))
            self._counts.lines += 1

    async def _publish_one(self, line: bytes) -> None:
        found = parse(line)
        try:
            await self._plane.publish(
                found.event,
                ack="accepted",
                correlation_id=found.correlation_id,
                metadata=found.metadata,
            )
        except InvalidEventError as error:
            raise LineError(reason_of(error, found.event)) from error

    def _report(self, number: int, reason: str) -> None:
        if shown := self._counts.add_broken(number, reason):
            self._progress.note(f"line {shown.line}: {shown.reason}")


def _progress(plane: DataPlane, counts: Counts) -> tuple[int, str]:
    return counts.bytes, _progress_text(plane, counts)


def _progress_text(plane: DataPlane, counts: Counts) -> str:
    channels = plane.statistics().backplanes.values()
    delivered = min((channel.delivered for channel in channels), default=0)
    waiting = max((channel.buffered for channel in channels), default=0)
    return f"{count(counts.lines, 'line')} read, {delivered:,} delivered, {waiting:,} waiting"
