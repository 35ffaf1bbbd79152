"""The base of readers that go on where a wait was cancelled: for plugins that can read back."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from experimentframework_core.errors import ReplayError

__all__ = ["ResumingReader"]

Event = TypeVar("Event")


class ResumingReader(AsyncIterator[Event]):
    """Gives what an async generator yields; a cancelled wait ends the generator, not the reading.

    So do errors, which a generator does not survive: it yields a `ReplayError` to have it raised.
    Derived classes keep their place in attributes, call this ``__init__`` when they have it, and
    bring the generator.
    """

    def __init__(self) -> None:
        """Begin at the place that the attributes say; nothing runs yet."""
        self._found = self._read()

    @abstractmethod
    def _read(self) -> AsyncGenerator[Event | ReplayError, None]:
        """Yield events behind the place, which moves with each, and what is wrong between them."""

    def _begin_anew(self) -> None:
        """Make ready for another `_read`, after the last one was cancelled."""

    async def __anext__(self) -> Event:
        """Return the next event.

        Raises:
            ReplayError: What is behind the place is no event, or was removed.
        """
        try:
            found = await anext(self._found)
        except asyncio.CancelledError:
            self._begin_anew()
            self._found = self._read()  # Who asks again goes on behind what was given.
            raise
        if isinstance(found, ReplayError):
            raise found
        return found

    async def aclose(self) -> None:
        """Release what is open; needed only where the reading is left before its end."""
        await self._found.aclose()
