"""An engine for the tests of SQL Server, and tables on it.

Each test runs twice: on a server where there is one, and on the TDS peer, which knows the
statements that are needed and is no SQL Server.
"""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.peers.docker import docker_answers
from tests.peers.odbc import why_missing
from tests.peers.require import require
from tests.peers.sqlserver_choice import choose
from tests.peers.sqlserver_docker import docker_engine
from tests.peers.tds.peer import TdsPeer
from tests.sqlserver.engine.database import Engine, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_sqlserver import SqlServerOptions

PASSWORD = "plain"

_numbers = count(1)


@pytest.fixture(scope="session", params=["server", "peer"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Return a database that all tests share, and nobody else."""
    if request.param == "peer":
        require("odbc", missing=why_missing())
        with TdsPeer(PASSWORD) as peer:
            peer.create("tests")
            yield Engine(peer.connection_string("tests"), peer=peer)
        return
    choice = choose(os.environ, docker_answers=lambda: docker_answers(os.environ))
    require("sqlserver", missing=choice.missing)
    if choice.kind == "given":
        with fresh(choice.connection_string) as database:
            yield database
    else:
        with docker_engine() as connection_string, fresh(connection_string) as database:
            yield database


@pytest.fixture
def table() -> str:
    """Return the name of a table that no other test has."""
    return f"Events{next(_numbers)}"


@pytest.fixture
def options(engine: Engine, table: str) -> SqlServerOptions:
    """Return options with a table of their own, which is made when the backplane opens."""
    return engine.options(table, auto_migrate=True)
