"""A server that all tests share, and a table of its own for each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import asyncpg
import pytest

from experimentframework_core.units import Secret
from experimentframework_postgresql import PostgreSqlOptions
from postgresql_proxy import Proxy
from postgresql_server import PostgreSqlServer, why_missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_REQUIRE = "EXPERIMENTFRAMEWORK_REQUIRE"
_numbers = count(1)

MakeOptions = Callable[..., PostgreSqlOptions]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSqlServer]:
    """Return a running server; without PostgreSQL the test skips, or fails where it is required."""
    why = why_missing()
    if why and "postgresql" in os.environ.get(_REQUIRE, "").split(","):
        pytest.fail(f"{_REQUIRE} asks for postgresql: {why}")
    if why:
        pytest.skip(f"postgresql: {why}")
    with PostgreSqlServer() as server:
        yield server


@pytest.fixture
async def proxy(server: PostgreSqlServer) -> AsyncIterator[Proxy]:
    """Return a way to the server on which something can get lost."""
    proxy = Proxy(server.port)
    listening = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    yield proxy
    listening.close()
    await asyncio.gather(*proxy.taken)


@pytest.fixture
def make_options(server: PostgreSqlServer) -> MakeOptions:
    """Return a function that makes options; each time with a table of its own."""

    def make(**given: object) -> PostgreSqlOptions:
        usual: dict[str, object] = {
            "connection_string": Secret(server.url()),
            "password": Secret(server.password),
            "table_name": f"events_{next(_numbers)}",
            "auto_migrate": True,
        }
        return PostgreSqlOptions(**(usual | given))  # type: ignore[arg-type]

    return make


@pytest.fixture
def options(make_options: MakeOptions) -> PostgreSqlOptions:
    """Return options with a table of their own, which is made when the backplane opens."""
    return make_options()


@pytest.fixture
async def database(server: PostgreSqlServer) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection of the test's own."""
    connection = await asyncpg.connect(server.url(), password=server.password)
    yield connection
    await connection.close()
