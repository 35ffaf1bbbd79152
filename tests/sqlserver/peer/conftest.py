"""A TDS peer for the tests of SQL Server, and databases on it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions
from tests.peers.odbc import why_missing
from tests.peers.require import require
from tests.peers.tds.peer import TdsPeer

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = count(1)


@pytest.fixture(scope="session")
def shared_peer() -> Iterator[TdsPeer]:
    """Return a peer that all tests share."""
    require("odbc", missing=why_missing())
    with TdsPeer() as peer:
        yield peer


@pytest.fixture
def peer(shared_peer: TdsPeer) -> Iterator[TdsPeer]:
    """Return the shared peer; what a test has go wrong ends with the test."""
    yield shared_peer
    shared_peer.release()


@pytest.fixture
def own_peer() -> Iterator[TdsPeer]:
    """Return a peer of the test's own, which it may kill."""
    require("odbc", missing=why_missing())
    with TdsPeer() as peer:
        yield peer


@pytest.fixture
def database(peer: TdsPeer) -> str:
    """Return the name of a database that is new and empty."""
    name = f"shop{next(_numbers)}"
    peer.create(name)
    return name


@pytest.fixture
def options(peer: TdsPeer, database: str) -> SqlServerOptions:
    """Return options for that database, whose table is made when the backplane opens."""
    return SqlServerOptions(
        connection_string=Secret(peer.connection_string(database)), auto_migrate=True
    )
