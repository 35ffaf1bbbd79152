"""The conformance kit, on an engine."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.testing import BackplaneConformance, make_record
from experimentframework_core.testing._cases._cut_short import CutShortCases
from experimentframework_core.testing._cases._delivery import DeliveryCases
from experimentframework_core.testing._cases._guarantees import GuaranteeCases
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions, plugin
from tests.peers.ports import free_port
from tests.peers.tds.faults import Fault
from tests.sqlserver.engine.database import execute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.envelope import Record
    from tests.peers.tds.peer import TdsPeer
    from tests.sqlserver.engine.database import Engine


_PLANT = """
INSERT INTO [$(Schema)].[$(Table)] (EventId, Timestamp, EventType, SchemaVersion, PayloadJson)
VALUES (N'broken', CAST('2026-03-01T12:00:00Z' AS DATETIMEOFFSET(7)), N'exposure', N'1.0.0', ?)
"""


@asynccontextmanager
async def _cutting(peer: TdsPeer, batch: Sequence[Record]) -> AsyncIterator[None]:
    """Cut the connection when the batch is stored, and before that is told."""
    peer.inject(Fault(what="cut", matching=batch[-1].event_id, after=True, times=-1))
    yield
    peer.release()


class TestSqlServer(BackplaneConformance[SqlServerOptions]):
    plugin = plugin

    def unreachable(self, options: SqlServerOptions) -> SqlServerOptions:
        nowhere = f"Server=127.0.0.1,{free_port()};UID=nobody;PWD=none;Connect Timeout=1"
        return msgspec.structs.replace(options, connection_string=Secret(nowhere))

    def poison(self, options: SqlServerOptions) -> Record:
        return msgspec.structs.replace(make_record(), correlation_id="too long" * 100)

    @pytest.fixture(autouse=True)
    def _of_the_engine(self, engine: Engine) -> None:
        self.peer = engine.peer

    def cut_short(
        self, options: SqlServerOptions, batch: Sequence[Record]
    ) -> AbstractAsyncContextManager[None] | None:
        return None if self.peer is None else _cutting(self.peer, batch)

    async def plant(self, options: SqlServerOptions, body: bytes) -> bool:
        execute(options, _PLANT, body.decode())
        return True


class TestSqlServerWithoutIdempotency(
    DeliveryCases[SqlServerOptions],
    GuaranteeCases[SqlServerOptions],
    CutShortCases[SqlServerOptions],
):
    plugin = plugin
    poison = TestSqlServer.poison

    def cut_short(
        self, options: SqlServerOptions, batch: Sequence[Record]
    ) -> AbstractAsyncContextManager[None] | None:
        return None if self.peer is None else _cutting(self.peer, batch)

    @pytest.fixture(autouse=True)
    def _of_the_engine(self, engine: Engine) -> None:
        self.peer = engine.peer

    @pytest.fixture
    def options(self, engine: Engine, table: str) -> SqlServerOptions:
        return engine.options(
            table, auto_migrate=True, enable_idempotency=False, event_type_case="pascal"
        )
