"""Dead letters that another backplane holds, as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic

import msgspec

from experimentframework_core._reading.letter_events import (
    Event,
    Form,
    as_envelope,
    as_record,
    event_in,
)
from experimentframework_core._reading.source import Source
from experimentframework_core.codec import encode
from experimentframework_core.deadletter import letter_of
from experimentframework_core.errors import InvalidEventError, ReplayError
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Selection

if TYPE_CHECKING:
    from experimentframework_core.envelope import Envelope, Record

_WRAPPED = ("deadLetter",)


class UnwrappedReader(AsyncIterator[Event], Generic[Event]):
    """The selected events of the dead letters that a backplane holds, in that one's order."""

    def __init__(
        self, wrapped: Source, backplane: str | None, selection: Selection, form: Form[Event]
    ) -> None:
        """Read with the backplane's own reader, which also knows the checkpoints.

        Raises:
            ReplayError: The backplane cannot be read back, or not from there.
        """
        self._selection = selection
        self._form = form
        self._backplane = backplane
        self._place = str(wrapped)
        self._letters = wrapped.read(
            Selection(types=_WRAPPED, checkpoint=selection.checkpoint, follow=selection.follow)
        )

    def __getattr__(self, name: str) -> object:
        """Return the reader's ``checkpoint`` or ``aclose``, where it has them."""
        return getattr(self._letters, name)

    async def __anext__(self) -> Event:
        while True:
            envelope = await anext(self._letters)
            place = f"a dead letter in {self._place}"
            try:
                letter = letter_of(envelope)
            except InvalidEventError as error:
                message = f"cannot read {place}: {error}"
                raise ReplayError(message, record=encode(envelope)) from error
            if self._backplane in (None, letter.backplane):
                found = event_in(letter, self._selection, self._form, place)
                if isinstance(found, ReplayError):
                    raise found
                if found is not None:
                    return found


def letters_held_by(wrapped: Source, backplane: str | None = None) -> Source:
    """Return the dead letters that another backplane holds as a source, all or those of one."""

    def read(_options: ChannelSettings, selection: Selection) -> UnwrappedReader[Envelope]:
        return UnwrappedReader(wrapped, backplane, selection, as_envelope)

    def records(_options: ChannelSettings, selection: Selection) -> UnwrappedReader[Record]:
        return UnwrappedReader(wrapped, backplane, selection, as_record)

    plugin: BackplanePlugin[Any] = wrapped.plugin
    if plugin.read is not None:
        plugin = msgspec.structs.replace(plugin, read=read, read_records=records)
    return Source(wrapped.name, plugin, wrapped.options)
