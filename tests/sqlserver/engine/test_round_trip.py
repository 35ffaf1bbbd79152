"""Every event that can be published is read back as it was, on an engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from experimentframework_core.codec import decode, encode_record
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_sqlserver import plugin
from tests.core.event_strategies import envelopes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.envelope import Envelope, Record
    from experimentframework_core.plugin import Backplane
    from experimentframework_sqlserver import SqlServerOptions


def _is_held(envelope: Envelope) -> bool:
    """Return whether every engine holds it.

    Babelfish holds no NUL, and its OPENJSON gives a column the escapes of a text as they are.
    """
    in_column = envelope.correlation_id or ""
    return b"\\u0000" not in encode_record(envelope).body and not any(
        character < " " or character in '"\\' for character in in_column
    )


def _comparable(envelope: Envelope) -> object:
    """Return an event whose numbers are floats: to Babelfish 1e17 is 100000000000000000."""
    return _with_floats(msgspec.to_builtins(envelope))


def _with_floats(value: object) -> object:
    if isinstance(value, dict):
        return {key: _with_floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_floats(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Return a loop that all examples run on."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def backplane(options: SqlServerOptions, runner: asyncio.Runner) -> Iterator[Backplane]:
    """Return a backplane that all examples use."""
    opening = plugin.open(options, OpenContext(name="events"))
    yield runner.run(opening.__aenter__())
    runner.run(opening.__aexit__(None, None, None))


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink takes a server too long
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(published=st.lists(envelopes.filter(_is_held), min_size=1, max_size=20))
def test_what_is_read_is_what_was_delivered(
    published: list[Envelope],
    backplane: Backplane,
    options: SqlServerOptions,
    runner: asyncio.Runner,
) -> None:
    """Given any events, When they are delivered and read, Then they are equal."""
    # Hypothesis tries the same id with other events, which would be one event for the table.
    renewed = [msgspec.structs.replace(each, event_id=str(uuid4())) for each in published]
    records = [encode_record(each) for each in renewed]

    found = runner.run(_delivered_and_read(backplane, options, records))

    expected = {record.event_id: _comparable(decode(record.body)) for record in records}
    by_id = {each.event_id: _comparable(each) for each in found}
    assert {each: by_id.get(each) for each in expected} == expected


async def _delivered_and_read(
    backplane: Backplane, options: SqlServerOptions, records: list[Record]
) -> list[Envelope]:
    assert plugin.read is not None
    await backplane.deliver(records)
    return [each async for each in plugin.read(options, Selection())]
