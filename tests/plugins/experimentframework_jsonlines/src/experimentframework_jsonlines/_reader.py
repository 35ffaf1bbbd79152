"""Reads the lines back as envelopes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core.codec import decode, decode_record
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
        _position(selection.checkpoint)  # Refuses what is none of ours.
        self._envelopes = self._read()

    async def __anext__(self) -> Envelope:
        try:
            return await anext(self._envelopes)
        except asyncio.CancelledError:
            self._envelopes = self._read()  # Who asks again goes on behind what was given.
            raise

    async def _read(self) -> AsyncIterator[Envelope]:
        position = _position(self.checkpoint)
        while True:
            lines = await asyncio.to_thread(self._lines, position)
            for line in lines:
                position += len(line)
                envelope = self._selected(line, position)
                self.checkpoint = str(position)
                if envelope is not None:
                    yield envelope
            if not lines and not self._selection.follow:
                return
            if not lines:
                await asyncio.sleep(_poll_interval)

    def _selected(self, line: bytes, end: int) -> Envelope | None:
        try:
            return decode(line) if self._selection.selects(decode_record(line)) else None
        except InvalidEventError as error:
            self.checkpoint = str(end)
            raise ReplayError(
                f"cannot read the line before byte {end:,} of {self._path}: {error}",
                record=line,
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


def _position(checkpoint: str | None) -> int:
    try:
        return int(checkpoint or 0)
    except ValueError:
        raise ReplayError(
            f"cannot read on from the checkpoint {checkpoint!r}: it is a number of bytes"
        ) from None
