"""Where a report counts: in an embedded store, or in a copy of what a backplane gives back.

So the figures are the same wherever the events are: they are always counted by the same statements.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from experimentframework_core._reading.reading import Reading
from experimentframework_core.backplanes.sqlite import SqliteBackplane, SqliteOptions
from experimentframework_core.cli._output import say
from experimentframework_core.codec import encode_record
from experimentframework_core.plugin import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._reading.source import Source
    from experimentframework_core.cli._report_query import Window
    from experimentframework_core.envelope import Record

_AT_ONCE = 5000


@contextmanager
def counted_in(source: Source, window: Window) -> Iterator[Path]:
    """Yield an embedded store that has what a report of ``source`` counts.

    Raises:
        DeliveryError: The source cannot be read.
        ReplayError: It cannot be read behind something that is no event.
    """
    if isinstance(source.options, SqliteOptions):
        yield Path(source.options.path).expanduser()
        return
    with TemporaryDirectory(prefix="experimentframework-report-") as folder:
        path = Path(folder) / "events.db"
        asyncio.run(_copy(source, window, path))
        yield path


async def _copy(source: Source, window: Window, path: Path) -> None:
    selection = Selection(
        types=("exposure", "outcome"),
        experiments=window.experiments,
        since=window.since,
        until=window.until,
    )
    reading = Reading(source, selection, say)
    records: list[Record] = []
    async with SqliteBackplane(path) as store, aclosing(reading.stored()) as envelopes:
        async for envelope in envelopes:
            records.append(encode_record(envelope, limits=False))
            if len(records) == _AT_ONCE:
                await store.deliver(records)
                records = []
        await store.deliver(records)
