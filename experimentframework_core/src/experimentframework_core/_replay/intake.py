"""The records of a source, on behind what is no event."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._reading.reading import position_of
from experimentframework_core.errors import ReplayError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from experimentframework_core._reading.source import Source
    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Selection


class Intake:
    """Reads the selected records of one source."""

    def __init__(
        self,
        source: Source,
        selection: Selection,
        pass_by: Callable[[ReplayError, str], None],
    ) -> None:
        """Read from ``selection.checkpoint`` on.

        Args:
            source: The source.
            selection: Which events.
            pass_by: Called with the error of what is no event, and the position behind it.

        Raises:
            ReplayError: The selection's checkpoint is not one of this source's.
        """
        self._source = source
        self._selection = selection
        self._pass_by = pass_by
        self._reader = source.records(selection)
        self._passed = self.position

    @property
    def has_positions(self) -> bool:
        """Whether the source can be read on from where a reading stood."""
        return hasattr(self._reader, "checkpoint")

    @property
    def position(self) -> str | None:
        """Behind the record that was given last; None at the start, or without positions."""
        return position_of(self._reader)

    @property
    def progress(self) -> float | None:
        """How much of the source lies behind it, from 0 to 1; None where it does not say."""
        found = getattr(self._reader, "progress", None)
        return found if isinstance(found, float) else None

    async def records(self) -> AsyncGenerator[Record, None]:
        """Yield the records, once.

        Raises:
            TransientError: The source cannot be read.
            ReplayError: It cannot be read, or not behind something that is no event.
        """
        passed = True
        while passed:
            reader = self._reader
            passed = False
            async with _closing(reader):
                while True:
                    try:
                        async for record in reader:
                            passed = False
                            yield record
                    except ReplayError as error:
                        # Some readers end where they raised, and some go on.
                        position = self._pass(error)
                        passed = True
                    else:
                        break
            if passed:
                behind = msgspec.structs.replace(self._selection, checkpoint=position)
                self._reader = self._source.records(behind)

    def _pass(self, error: ReplayError) -> str:
        """Tell of what is passed by; return the position behind it.

        Raises:
            ReplayError: There is no way on behind it.
        """
        position = self.position
        if position is None or position == self._passed:
            raise error
        self._passed = position
        self._pass_by(error, position)
        return position


@asynccontextmanager
async def _closing(reader: AsyncIterator[Record]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if hasattr(reader, "aclose"):
            await reader.aclose()
