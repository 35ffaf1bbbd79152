"""The conformance kit, over the wire against a broker of the project's own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from experimentframework_core.testing import BackplaneConformance, make_exposure, make_record
from experimentframework_core.testing._cases._shape import ShapeCases
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, plugin
from tests.servicebus._wire import LEAKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from experimentframework_core.envelope import Record
    from tests.peers.amqp.peer import ServiceBusPeer


UNREACHABLE = Secret(
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=send;SharedAccessKey=aGVsbG8=;"
    "UseDevelopmentEmulator=true"
)


class TestServiceBusWithEverySetting(ShapeCases[ServiceBusOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self) -> ServiceBusOptions:
        return ServiceBusOptions(
            connection_string=Secret(
                "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=send;"
                "SharedAccessKey=aGVsbG8="
            ),
            topic_name="events",
            enable_sessions=True,
            session_strategy="subjectId",
            max_retry_attempts=3,
            batch_size=50,
        )


@pytest.mark.filterwarnings(*LEAKS)
class TestServiceBus(BackplaneConformance[ServiceBusOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self, peer: ServiceBusPeer, queue: str) -> ServiceBusOptions:
        self.peer = peer
        return ServiceBusOptions(
            connection_string=Secret(peer.connection_string()), queue_name=queue
        )

    async def delivered(self, options: ServiceBusOptions) -> list[bytes]:
        assert options.queue_name is not None
        return [message.body for message in self.peer.messages(options.queue_name)]

    def unreachable(self, options: ServiceBusOptions) -> ServiceBusOptions:
        return ServiceBusOptions(connection_string=UNREACHABLE, queue_name="events")

    def poison(self, options: ServiceBusOptions) -> Record:
        return make_record(make_exposure(attributes={"noise": "x" * 300_000}))

    @asynccontextmanager
    async def cut_short(
        self, options: ServiceBusOptions, batch: Sequence[Record]
    ) -> AsyncIterator[None]:
        from tests.peers.amqp.faults import DROPPED_AFTER

        # What comes behind the first transfer is stored, and nobody hears of it.
        skip = 1 if options.enable_sessions else 0
        self.peer.inject(msgspec.structs.replace(DROPPED_AFTER, skip=skip, times=-1))
        yield
        self.peer.release()

    async def plant(self, options: ServiceBusOptions, body: bytes) -> bool:
        assert options.queue_name is not None
        session = "planted" if options.enable_sessions else None
        async with (
            ServiceBusClient.from_connection_string(self.peer.connection_string()) as client,
            client.get_queue_sender(options.queue_name) as sender,
        ):
            await sender.send_messages(ServiceBusMessage(body, session_id=session))
        return True


class TestServiceBusWithSessions(TestServiceBus):
    """The same, in sessions."""

    @pytest.fixture
    def options(self, peer: ServiceBusPeer, entity: str) -> ServiceBusOptions:
        from tests.peers.amqp.definitions import Settings

        self.peer = peer
        peer.queue(entity, Settings(sessions=True))
        return ServiceBusOptions(
            connection_string=Secret(peer.connection_string()),
            queue_name=entity,
            enable_sessions=True,
        )
