"""The conformance kit, on a server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import BackplaneConformance, make_exposure, make_record
from experimentframework_core.units import Secret
from experimentframework_postgresql import PostgreSqlOptions, plugin
from postgresql_server import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from conftest import MakeOptions
    from experimentframework_core.envelope import Record
    from postgresql_proxy import Proxy
    from postgresql_server import PostgreSqlServer

_PLANT = """
INSERT INTO "{}" (event_id, "timestamp", event_type, schema_version, body)
VALUES ('broken', now(), 'exposure', '1.0.0', $1)
"""


class TestPostgreSql(BackplaneConformance[PostgreSqlOptions]):
    plugin = plugin

    @pytest.fixture
    async def options(
        self,
        make_options: MakeOptions,
        database: asyncpg.Connection,
        server: PostgreSqlServer,
        proxy: Proxy,
    ) -> PostgreSqlOptions:
        self.proxy = proxy
        options = make_options(connection_string=Secret(server.url(port=proxy.port)))
        async with plugin.open(options, OpenContext(name="events")):
            await database.execute(
                f"ALTER TABLE {options.table_name} ADD CHECK (subject <> 'poison')"
            )
        return options

    def poison(self, options: PostgreSqlOptions) -> Record:
        return make_record(make_exposure(subject_id="poison"))

    def unreachable(self, options: PostgreSqlOptions) -> PostgreSqlOptions:
        nowhere = Secret(f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere")
        return msgspec.structs.replace(options, connection_string=nowhere)

    @asynccontextmanager
    async def cut_short(
        self, options: PostgreSqlOptions, batch: Sequence[Record]
    ) -> AsyncIterator[None]:
        # Enough to connect, and for the beginning of the batch.
        self.proxy.room = sum(len(record.body) for record in batch) // 2
        yield
        self.proxy.room = None

    async def plant(self, options: PostgreSqlOptions, body: bytes) -> bool:
        password = options.password.reveal() if options.password else None
        connection = await asyncpg.connect(options.connection_string.reveal(), password=password)
        await connection.execute(_PLANT.format(options.table_name), body.decode())
        await connection.close()
        return True
