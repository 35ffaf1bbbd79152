"""Writes each batch as objects: one for each type and date in it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from experimentframework_core.plugin import ChannelSettings
from experimentframework_lake._formats import encoded, suffix_of
from experimentframework_lake._objects import by_object
from experimentframework_lake._store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import OpenContext
    from experimentframework_lake._options import LakeOptions

_DEFAULTS = ChannelSettings(batch_size=5000, batch_bytes=8 * 1024 * 1024, flush_interval_ms=60_000)


class LakeBackplane:
    """One writer. Its only thread keeps a cancelled delivery from overlapping the next one."""

    def __init__(self, options: LakeOptions, store: Store, thread: ThreadPoolExecutor) -> None:
        self._options = options
        self._store = store
        self._thread = thread

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return once every object of the batch is there; the same batch replaces its objects."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, batch)

    async def ping(self) -> None:
        """Return if the store answers; it does not wait for a delivery."""
        await asyncio.to_thread(self._store.ask)

    def _write(self, batch: Sequence[Record]) -> None:
        suffix = suffix_of(self._options)
        objects = {
            f"{name}{suffix}": encoded(records, self._options)
            for name, records in by_object(batch, self._options.partition_by).items()
        }
        # Only when all are encoded: of a batch that is refused nothing is written.
        for name, data in objects.items():
            self._store.put(name, data)


@asynccontextmanager
async def open_lake(options: LakeOptions, context: OpenContext) -> AsyncIterator[LakeBackplane]:
    """Connect to the store, and give a writer.

    Raises:
        TransientError: The store does not answer.
        UnavailableError: The bucket is missing, or access is refused.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix=context.name)
    store = Store(options)
    try:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(thread, lambda: store.open(make=True))
        yield LakeBackplane(options, store, thread)
    finally:
        thread.shutdown(wait=False)


def channel_defaults(_options: LakeOptions) -> ChannelSettings:
    """Return large batches and a long wait: each object costs a request, and readers like few."""
    return _DEFAULTS
