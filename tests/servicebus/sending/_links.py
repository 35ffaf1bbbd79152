"""Links that do as they are told, in place of the client's senders."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from azure.servicebus import ServiceBusMessageBatch
from azure.servicebus._pyamqp._decode import decode_payload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azure.servicebus.aio import ServiceBusSender
    from azure.servicebus.amqp import AmqpAnnotatedMessage


class Links:
    """Makes links and plays what each send is to end with: an error, a hang, or None for well.

    Attributes:
        sent: The messages of each send that was tried, as message ids.
        opened: How many links were opened.
        closed: How many links were closed.
        sending: Set once a send was begun.
        at_once: Most sends that were under way on one link at the same time.
    """

    def __init__(
        self, plays: Iterable[Exception | asyncio.Event | None] = (), *, batch_bytes: int = 10_000
    ) -> None:
        self.plays = deque(plays)
        self.batch_bytes = batch_bytes
        self.refuses_to_open: Exception | None = None
        self.sent: list[list[str]] = []
        self.opened = 0
        self.closed = 0
        self.sending = asyncio.Event()
        self.at_once = 0

    def make(self) -> ServiceBusSender:
        return cast("ServiceBusSender", _Link(self))


class _Link:
    def __init__(self, links: Links) -> None:
        self._links = links
        self._under_way = 0

    async def __aenter__(self) -> Self:
        if self._links.refuses_to_open is not None:
            raise self._links.refuses_to_open
        self._links.opened += 1
        return self

    async def create_message_batch(self) -> ServiceBusMessageBatch:
        return ServiceBusMessageBatch(self._links.batch_bytes)

    async def send_messages(
        self, what: AmqpAnnotatedMessage | ServiceBusMessageBatch, *, timeout: float
    ) -> None:
        assert timeout > 0
        self._links.sent.append(_ids(what))
        self._links.sending.set()
        self._under_way += 1
        self._links.at_once = max(self._links.at_once, self._under_way)
        await asyncio.sleep(0)
        play = self._links.plays.popleft() if self._links.plays else None
        try:
            if isinstance(play, Exception):
                raise play
            if play is not None:
                await play.wait()
        finally:
            self._under_way -= 1

    async def close(self) -> None:
        self._links.closed += 1


def _ids(what: Any) -> list[str]:
    if isinstance(what, ServiceBusMessageBatch):
        return [read(part).message_id for part in parts_of(what)]
    return [str(what.properties.message_id)]


def parts_of(batch: ServiceBusMessageBatch) -> list[bytes]:
    """Return the encoded messages of a batch."""
    sections: Any = batch._message
    return [bytes(each) for each in sections[5]]


class Read(NamedTuple):
    """What the client reads in the bytes of a message."""

    message_id: str
    header: Any
    properties: Any
    application: dict[str, Any]
    body: bytes


def read(part: bytes) -> Read:
    """Return what the client reads in an encoded message."""
    found: Any = decode_payload(memoryview(part))
    application = {
        name.decode(): value.decode() if isinstance(value, bytes) else value
        for name, value in found.application_properties.items()
    }
    properties = found.properties
    return Read(
        properties.message_id.decode(),
        found.header,
        properties,
        application,
        b"".join(bytes(each) for each in found.data),
    )
