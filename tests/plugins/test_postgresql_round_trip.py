"""Every event that can be published is read back from PostgreSQL as it was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from experimentframework_core.codec import encode_record
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.units import Secret
from experimentframework_postgresql import PostgreSqlOptions, plugin
from experimentframework_postgresql._reader import read_records
from postgresql_server import PostgreSqlServer, why_missing
from tests.core.event_strategies import envelopes
from tests.peers.require import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.envelope import Envelope, Record
    from experimentframework_core.plugin import Backplane


@pytest.fixture(scope="module")
def options() -> Iterator[PostgreSqlOptions]:
    """Return options of a server of this module's own."""
    require("postgresql", missing=why_missing())
    with PostgreSqlServer() as server:
        yield PostgreSqlOptions(
            connection_string=Secret(server.url()),
            password=Secret(server.password),
            auto_migrate=True,
        )


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Return a loop that all examples run on."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def backplane(options: PostgreSqlOptions, runner: asyncio.Runner) -> Iterator[Backplane]:
    """Return a backplane that all examples use."""
    opening = plugin.open(options, OpenContext(name="events"))
    yield runner.run(opening.__aenter__())
    runner.run(opening.__aexit__(None, None, None))


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink takes a server too long
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(published=st.lists(envelopes, min_size=1, max_size=20))
def test_what_is_read_is_what_was_delivered(
    published: list[Envelope],
    backplane: Backplane,
    options: PostgreSqlOptions,
    runner: asyncio.Runner,
) -> None:
    """Given any events, When they are delivered and read, Then not a byte is another."""
    # Hypothesis tries the same id with other events, which would be one event for the table.
    renewed = [msgspec.structs.replace(each, event_id=str(uuid4())) for each in published]
    records = [encode_record(each) for each in renewed]

    found = runner.run(_delivered_and_read(backplane, options, records))

    assert [record for record in found if record in records] == records


async def _delivered_and_read(
    backplane: Backplane, options: PostgreSqlOptions, records: list[Record]
) -> list[Record]:
    await backplane.deliver(records)
    return [each async for each in read_records(options, Selection())]
