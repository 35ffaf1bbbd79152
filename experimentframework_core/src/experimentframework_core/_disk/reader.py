"""Reads from a disk buffer's journal what its lanes have no room for at first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core._disk.entry import record_of
from experimentframework_core._tasks import Sleep

if TYPE_CHECKING:
    from experimentframework_core._disk.access import Access
    from experimentframework_core._disk.journal import Page, Want
    from experimentframework_core._disk.windows import Windows

CHUNK = 250
"""How many records are decoded between two turns of the loop."""


class Reader:
    """Keeps the windows of lanes that are behind filled."""

    def __init__(self, access: Access, windows: Windows) -> None:
        """Read for the lanes whose windows these are."""
        self._access = access
        self._windows = windows
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
        return self._access.not_before if self._windows.starving else None

    async def _read(self) -> None:
        async with self._access.lock:
            wants = self._windows.wants()
            if not wants:
                return
            turn = await self._access.turn(None, wants)
        for want, page in zip(wants, turn.pages, strict=True):
            await self._refill(want, page)

    async def _refill(self, want: Want, page: Page) -> None:
        for place, row in enumerate(page.rows, 1):
            self._windows.enter(want.lane, row, record_of(row.body))
            if place % CHUNK == 0:
                await asyncio.sleep(0)
        self._windows.read_through(want.lane, page.through)
