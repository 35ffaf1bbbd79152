"""One of each backplane that can be read: places that are new and empty, on servers all share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

import pytest

from experimentframework_core import BackplaneOptions, DataPlaneOptions, Secret
from experimentframework_core.backplanes.sqlite import SqliteOptions
from tests.kafka.topics import create_topic
from tests.peers.odbc import why_missing as why_no_odbc
from tests.peers.proton import why_missing as why_no_proton
from tests.peers.require import require
from tests.servicebus.conftest import no_keeping_alive  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core import ChannelSettings
    from tests.peers.amqp.peer import ServiceBusPeer
    from tests.peers.tds.peer import TdsPeer

KINDS = ("sqlite", "kafka", "sqlServer", "azureServiceBus")

Place: TypeAlias = Callable[[str], DataPlaneOptions]
"""Returns the configuration of a new and empty place of a backplane type."""

_numbers = count(1)


@pytest.fixture(scope="session")
def tds_peer() -> Iterator[TdsPeer]:
    """Return a server of tables."""
    require("odbc", missing=why_no_odbc())
    from tests.peers.tds.peer import TdsPeer

    with TdsPeer() as peer:
        peer.create("replayed")
        yield peer


@pytest.fixture(scope="session")
def amqp_peer() -> Iterator[ServiceBusPeer]:
    """Return a server of queues."""
    require("proton", missing=why_no_proton())
    from tests.peers.amqp.peer import ServiceBusPeer

    with ServiceBusPeer() as peer:
        yield peer


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return what makes places; a server is started with the first of its kind."""

    def sqlite() -> ChannelSettings:
        return SqliteOptions(path=str(tmp_path_factory.mktemp("replayed") / "events.db"))

    def kafka() -> ChannelSettings:
        from experimentframework_kafka import KafkaOptions

        brokers: str = request.getfixturevalue("brokers")
        return KafkaOptions(brokers=brokers, topic=create_topic(brokers, 3), flush_interval_ms=10)

    def sql_server() -> ChannelSettings:
        peer: TdsPeer = request.getfixturevalue("tds_peer")
        from experimentframework_sqlserver import SqlServerOptions

        return SqlServerOptions(
            connection_string=Secret(peer.connection_string("replayed")),
            table_name=f"Events{next(_numbers)}",
            auto_migrate=True,
        )

    def service_bus() -> ChannelSettings:
        peer: ServiceBusPeer = request.getfixturevalue("amqp_peer")
        from experimentframework_servicebus import ServiceBusOptions

        queue = f"replayed{next(_numbers)}"
        peer.queue(queue)
        return ServiceBusOptions(
            connection_string=Secret(peer.connection_string()), queue_name=queue
        )

    makers = dict(zip(KINDS, (sqlite, kafka, sql_server, service_bus), strict=True))

    def make(kind: str) -> DataPlaneOptions:
        node = BackplaneOptions(type=kind, options=makers[kind]())
        return DataPlaneOptions(backplane=node)

    return make
