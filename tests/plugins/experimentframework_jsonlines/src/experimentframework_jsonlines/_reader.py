"""Reads the lines back as envelopes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core.codec import decode
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError, ReplayError

if TYPE_CHECKING:
    from experimentframework_core.plugin import Selection
    from experimentframework_jsonlines._options import JsonLinesOptions

_poll_interval = 0.05
_slice_bytes = 1024 * 1024


class JsonLinesReader(AsyncIterator[Envelope]):
    """The selected events in the order of the file.

    Attributes:
        checkpoint: The byte behind the line that was given last, as text.
    """

    def __init__(self, options: JsonLinesOptions, selection: Selection) -> None:
        self.checkpoint = selection.checkpoint
        self._path = Path(options.path)
        self._selection = selection
        self._envelopes = self._read()

    async def __anext__(self) -> Envelope:
        return await anext(self._envelopes)

    async def _read(self) -> AsyncIterator[Envelope]:
        position = int(self.checkpoint or 0)
        while True:
            lines = await asyncio.to_thread(self._lines, position)
            for line in lines:
                position += len(line)
                envelope = self._decoded(line, position)
                if _selected(envelope, self._selection):
                    self.checkpoint = str(position)
                    yield envelope
            if not lines and not self._selection.follow:
                return
            if not lines:
                await asyncio.sleep(_poll_interval)

    def _decoded(self, line: bytes, end: int) -> Envelope:
        try:
            return decode(line)
        except InvalidEventError as error:
            self.checkpoint = str(end)
            raise ReplayError(
                f"cannot read the line before byte {end:,} of {self._path}: {error}"
            ) from error

    def _lines(self, position: int) -> list[bytes]:
        """Return the next whole lines; a line that is being written has no end yet."""
        try:
            with self._path.open("rb") as file:
                file.seek(position)
                lines = file.readlines(_slice_bytes)
        except OSError as error:
            raise ReplayError(f"cannot read {self._path}: {error.strerror}") from error
        return [line for line in lines if line.endswith(b"\n")]


def _selected(envelope: Envelope, wanted: Selection) -> bool:
    payload = envelope.payload
    return (
        (not wanted.types or envelope.event_type in wanted.types)
        and (not wanted.experiments or _field(payload, "experiment_name") in wanted.experiments)
        and (not wanted.subjects or _field(payload, "subject_id") in wanted.subjects)
        and wanted.correlation_id in (None, envelope.correlation_id)
        and (wanted.since is None or envelope.timestamp >= wanted.since)
        and (wanted.until is None or envelope.timestamp < wanted.until)
    )


def _field(payload: object, name: str) -> object:
    """Return a field of a payload; one of an unknown type is plain JSON in camelCase."""
    if isinstance(payload, dict):
        first, _, second = name.partition("_")
        return payload.get(first + second.title())
    return getattr(payload, name, None)
