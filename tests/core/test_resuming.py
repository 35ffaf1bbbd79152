"""A reader whose wait was cancelled, or that raised, goes on behind what it gave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import ReplayError
from experimentframework_core.resuming import ResumingReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Numbers(ResumingReader[int]):
    """Counts from 1, raises at 3, waits before 5, and ends at 6."""

    def __init__(self) -> None:
        self.given = self.begun_anew = 0
        self.closed: list[int] = []
        self.go_on = asyncio.Event()
        super().__init__()

    async def _read(self) -> AsyncGenerator[int | ReplayError, None]:
        try:
            while self.given < 6:
                if self.given == 4:
                    await self.go_on.wait()
                self.given += 1
                yield ReplayError("three") if self.given == 3 else self.given
        finally:
            self.closed.append(self.given)

    def _begin_anew(self) -> None:
        self.begun_anew += 1


async def test_an_error_is_raised_and_passed() -> None:
    """Given something between events that is none, when it is raised, then the next one follows."""
    reader = Numbers()

    found = [await anext(reader) for _ in range(2)]
    with pytest.raises(ReplayError, match="three"):
        await anext(reader)
    found.append(await anext(reader))

    assert found == [1, 2, 4]


async def test_a_cancelled_wait_loses_nothing() -> None:
    """Given a wait that a timeout ends, when the reader is asked again, then it goes on there."""
    reader = Numbers()
    reader.given = 4

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(reader)
    reader.go_on.set()
    found = [number async for number in reader]

    assert found == [5, 6]
    assert reader.begun_anew == 1


async def test_closing_ends_the_generator() -> None:
    """Given a reading that is left before its end, when it is closed, then nothing stays open."""
    reader = Numbers()
    await anext(reader)

    await reader.aclose()

    assert reader.closed == [1]
