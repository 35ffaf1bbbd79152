"""One open backplane: delivers through a sender for each queue or topic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from azure.servicebus.exceptions import ServiceBusError

from experimentframework_core.destinations import usual_destination
from experimentframework_core.errors import UnavailableError
from experimentframework_core.events import built_in_types
from experimentframework_servicebus._connection.calls import Calls
from experimentframework_servicebus._connection.client import sender_of
from experimentframework_servicebus._connection.errors import failure_of, is_missing
from experimentframework_servicebus._namespace.creating import command_that_creates
from experimentframework_servicebus._namespace.entities import the_entity
from experimentframework_servicebus._sending.delivery import Delivery
from experimentframework_servicebus._sending.sender import Sender
from experimentframework_servicebus._sending.sessions import requires_sessions, why_not

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.servicebus.aio import ServiceBusClient

    from experimentframework_core.envelope import Record
    from experimentframework_servicebus._options import ServiceBusOptions

_SHARE_OF_DELIVERY = 0.8
_OPEN_TIMEOUT = 8.0
"""Seconds for a link to open, less than the channel waits: an error says more than its silence."""


class ServiceBusBackplane:
    """Delivers through one sender for each queue or topic."""

    def __init__(
        self, options: ServiceBusOptions, client: ServiceBusClient, delivery_timeout: float
    ) -> None:
        """Use ``client``, which somebody else closes; nothing is opened."""
        self._options = options
        self._client = client
        self._patience = delivery_timeout * _SHARE_OF_DELIVERY
        self._calls = Calls()
        self._senders: dict[str, Sender] = {}
        self._confirmed: set[str] = set()

    async def start(self) -> None:
        """Connect to the queue or topic of every event, where there is one.

        Raises:
            TransientError: The service does not answer; or, as UnavailableError, it refuses us.
        """
        entity = the_entity(self._options)
        if entity is not None:
            await self._open(entity, self._sender_of(entity))

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return when every record is stored by the service.

        Raises:
            TransientError: Nothing is confirmed, all may be stored.
            UnavailableError: The same, and somebody must change something.
            PartialBatchError: All records that it does not name are stored.
        """
        until = asyncio.get_running_loop().time() + self._patience
        delivery = Delivery(batch, self._options, self._confirmed)
        try:
            await delivery.run(self._sender_of, until)
        except asyncio.CancelledError:
            # The same records come again: what the service has is not to be sent twice.
            self._confirmed = delivery.stored_ids()
            raise
        self._confirmed = set()
        delivery.raise_failures()

    async def ping(self) -> None:
        """Return if the service lets us send to the queues or topics that we use.

        Where each type has its own and none has been used yet, one that exists is enough: an
        application need not publish every type. Of a queue it is looked whether it requires
        sessions, if we may receive from it.

        Raises:
            DeliveryError: It does not.
        """
        entity = the_entity(self._options)
        used = [entity] if entity is not None else list(self._senders)
        for each in used:
            await self._look_for(each)
            if self._options.topic_name is None:
                await self._look_at_sessions(each)
        if not used:
            await self._look_for_any([usual_destination(each) for each in built_in_types])

    async def close(self) -> None:
        """Disconnect, in bounded time whatever the service does."""
        for sender in self._senders.values():
            sender.drop()
        await self._calls.end()

    async def _look_for_any(self, entities: Sequence[str]) -> None:
        for each in entities:
            try:
                await self._look_for(each)
            except UnavailableError as error:
                if not is_missing(error):
                    raise
            else:
                return
        commands = "; ".join(command_that_creates(each, self._options) for each in entities)
        raise UnavailableError(
            f"no queue of any type exists: {', '.join(entities)}; create those of the types that "
            f"you publish, with: {commands}"
        )

    async def _look_for(self, entity: str) -> None:
        # A new link, since the one in use says nothing of what the service thinks now.
        sender = self._new_sender(entity)
        try:
            await self._open(entity, sender)
        finally:
            sender.drop()

    async def _look_at_sessions(self, queue: str) -> None:
        timeout = min(_OPEN_TIMEOUT, self._patience)
        required = await requires_sessions(self._client, queue, self._calls, timeout)
        why = why_not(queue, required=required, enabled=self._options.enable_sessions)
        if why is not None:
            raise UnavailableError(f"cannot deliver as configured: {why}")

    async def _open(self, entity: str, sender: Sender) -> None:
        timeout = min(_OPEN_TIMEOUT, self._patience)
        try:
            await sender.open(asyncio.get_running_loop().time() + timeout)
        except (ServiceBusError, TimeoutError) as error:
            raise failure_of(error, "connect to", entity, self._options) from error

    def _sender_of(self, entity: str) -> Sender:
        sender = self._senders.get(entity)
        if sender is None:
            sender = self._senders[entity] = self._new_sender(entity)
        return sender

    def _new_sender(self, entity: str) -> Sender:
        return Sender(
            lambda: sender_of(self._client, entity, self._options),
            self._calls,
            name=f"experimentframework.{entity}",
            send_timeout=self._options.send_timeout_ms / 1000,
        )
