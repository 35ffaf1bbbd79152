"""Reads from a disk buffer's journal what its lanes have no room for at first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._disk.buffer import DiskBuffer, record_of
from experimentframework_core._tasks import Sleep

if TYPE_CHECKING:
    from experimentframework_core._disk.access import Access
    from experimentframework_core._disk.journal import Page, Want

CHUNK = 250
"""How many records are decoded between two turns of the loop."""


class Reader:
    """Keeps the windows of lanes that are behind filled."""

    def __init__(self, access: Access, buffer: DiskBuffer) -> None:
        """Read for the lanes of ``buffer``."""
        self._access = access
        self._buffer = buffer
        self._sleep = Sleep()
        self.wake = self._sleep.wake

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._sleep.until(self._due)
            try:
                await self._read()
            except Exception as error:  # noqa: BLE001 - the loop's edge: go on, say so
                self._access.failed(error)

    def _due(self) -> float | None:
        return self._access.not_before if self._buffer.starving else None

    async def _read(self) -> None:
        async with self._access.lock:
            wants = self._buffer.wants()
            if not wants:
                return
            turn = await self._access.turn(None, wants)
        for want, page in zip(wants, turn.pages, strict=True):
            await self._refill(want, page)

    async def _refill(self, want: Want, page: Page) -> None:
        for place, row in enumerate(page.rows, 1):
            self._buffer.enter(want.lane, row, record_of(row.body))
            if place % CHUNK == 0:
                await asyncio.sleep(0)
        self._buffer.read_through(want.lane, page.through)
