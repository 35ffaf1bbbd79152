"""Reads events back from the queues or subscriptions they are in, and leaves them there."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from azure.servicebus import ServiceBusMessageState

from experimentframework_core.codec import decode, decode_record
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import (
    InvalidEventError,
    ReplayError,
    TransientError,
)
from experimentframework_servicebus._namespace.entities import places_of, require_subscription
from experimentframework_servicebus._reading.body import body_of
from experimentframework_servicebus._reading.checkpoint import positions_of, written
from experimentframework_servicebus._reading.pages import up_to_end
from experimentframework_servicebus._reading.peeking import open_peekers, there_of

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

    from experimentframework_core.plugin import Selection
    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions
    from experimentframework_servicebus._reading.peeking import Peeker

poll_interval = 0.5

Event = TypeVar("Event")


class _Reader(AsyncIterator[Event]):
    """The selected events that are still there, of one queue or subscription after another.

    Nothing is received or locked: consumers get all, also while it is read. What they have
    completed is gone. Without ``follow`` it ends where each queue or subscription ended when it was
    come to. With it, what comes later is given as it comes.

    Attributes:
        finds_times: Not: the service knows when a message came, not when its event happened.
    """

    finds_times = False

    def __init__(self, options: ServiceBusOptions, selection: Selection) -> None:
        """Store what to read; it connects with the first event.

        Raises:
            ReplayError: The selection's checkpoint is not one of this reader's.
            ConfigurationError: A topic keeps none, and no subscription is named.
        """
        require_subscription(options, "read")
        self._options = options
        self._selection = selection
        self._places = places_of(options, selection.types)
        self._positions = positions_of(selection.checkpoint, places_of(options))
        self._envelopes = self._read()

    @property
    def checkpoint(self) -> str | None:
        """Where the reading stands: behind the event that was given last. None at the start."""
        return written(self._positions)

    async def __anext__(self) -> Event:
        try:
            return await anext(self._envelopes)
        except (TransientError, asyncio.CancelledError):
            self._envelopes = self._read()  # Who calls again goes on behind what was given.
            raise

    async def aclose(self) -> None:
        """Disconnect; needed only where the reading is left before its end."""
        await self._envelopes.aclose()

    @abstractmethod
    def _form(self, body: bytes, record: Record) -> Event:
        """Make of a stored event, and its record, what is given."""

    async def _read(self) -> AsyncGenerator[Event, None]:
        async with open_peekers(self._options, self._places) as every:
            peekers = await there_of(every)
            while True:
                for peeker in peekers:
                    async with aclosing(self._new(peeker)) as envelopes:
                        async for envelope in envelopes:
                            yield envelope
                if not self._selection.follow:
                    return
                await asyncio.sleep(poll_interval)

    async def _new(self, peeker: Peeker) -> AsyncGenerator[Event, None]:
        read = self._positions[str(peeker.place)]
        async with aclosing(up_to_end(peeker, read)) as messages:
            async for message in messages:
                if (envelope := self._selected(peeker.place, message)) is not None:
                    yield envelope

    def _selected(self, place: Place, message: ServiceBusReceivedMessage) -> Event | None:
        if message.state is ServiceBusMessageState.SCHEDULED:
            return None  # It comes again, with another number, when it is due.
        body = b""
        try:
            body = body_of(message)
            record = decode_record(body)
            return self._form(body, record) if self._selection.selects(record) else None
        except InvalidEventError as error:
            raise ReplayError(
                f"cannot read message {message.sequence_number:,} of '{place}': {error}; read on "
                f"behind it with the checkpoint {self.checkpoint}",
                record=body,
            ) from error


class ServiceBusReader(_Reader[Envelope]):
    """Gives the selected events as envelopes."""

    def _form(self, body: bytes, record: Record) -> Envelope:  # noqa: ARG002 - of the other one
        return decode(body)


class ServiceBusRecordReader(_Reader[Record]):
    """Gives the selected events as records, with the bytes that are stored."""

    def _form(self, body: bytes, record: Record) -> Record:  # noqa: ARG002 - of the other one
        return record
