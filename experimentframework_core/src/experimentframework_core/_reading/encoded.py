"""Records of a reader that gives envelopes only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Record
from experimentframework_core.errors import InvalidEventError, ReplayError

if TYPE_CHECKING:
    from experimentframework_core.envelope import Envelope


class EncodedAgain(AsyncIterator[Record]):
    """Gives the records of the envelopes that a reader gives; all else it has is the reader's."""

    def __init__(self, reader: AsyncIterator[Envelope]) -> None:
        """Read with ``reader``."""
        self._reader = reader

    async def __anext__(self) -> Record:
        envelope = await anext(self._reader)
        try:
            return encode_record(envelope)
        except InvalidEventError as error:
            raise ReplayError(
                f"event {envelope.event_id} cannot be written again: {error}",
                record=msgspec.json.encode(envelope, enc_hook=repr),
            ) from error

    def __getattr__(self, name: str) -> object:
        """Return the reader's ``checkpoint``, ``progress`` or ``aclose``, where it has them."""
        return getattr(self._reader, name)
