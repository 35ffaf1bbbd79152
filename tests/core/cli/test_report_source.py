"""Where a report counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._reading.source import Source
from experimentframework_core.backplanes.sqlite import SqliteOptions, plugin
from experimentframework_core.cli._report import reports_of
from experimentframework_core.cli._report_query import Window
from experimentframework_core.cli._report_source import counted_in
from experimentframework_core.codec import encode_record
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Features, OpenContext
from tests.core.cli.conftest import at, envelope, exposure, outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from experimentframework_core.envelope import Envelope
    from experimentframework_core.plugin import Selection

EVENTS = [
    exposure("u-1", "a"),
    exposure("u-2", "b", 1),
    exposure("u-2", "a", 2),
    exposure("u-3", "a", of="search"),
    outcome("u-1", "bought", 1),
    outcome("u-2", "bought", 0),
    outcome("u-9", "bought", 1),
]


def elsewhere(path: Path) -> tuple[Source, list[Selection]]:
    """Return a source of another type with the events of a store, and what is asked of it."""
    asked: list[Selection] = []

    def read(_: ChannelSettings, selection: Selection) -> AsyncIterator[Envelope]:
        asked.append(selection)
        assert plugin.read is not None
        return plugin.read(SqliteOptions(path=str(path)), selection)

    other = BackplanePlugin(
        type="elsewhere",
        options=ChannelSettings,
        open=lambda *_: plugin.open(SqliteOptions(path=str(path)), _[1]),
        read=read,
        features=Features(durable=True, readable=True),
    )
    return Source("elsewhere", other, ChannelSettings()), asked


async def _fill(path: Path) -> None:
    options = SqliteOptions(path=str(path))
    async with plugin.open(options, OpenContext(name="s")) as store:
        await store.deliver(
            [encode_record(envelope(number, each)) for number, each in enumerate(EVENTS)]
        )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return an embedded store with the events; the report runs a loop of its own."""
    path = tmp_path / "events.db"
    asyncio.run(_fill(path))
    return path


def test_an_embedded_store_is_counted_itself(store: Path) -> None:
    """Given an embedded store, When it is counted, Then its own file is, and no copy."""
    source = Source("s", plugin, SqliteOptions(path=str(store)))

    with counted_in(source, Window()) as counted:
        assert counted == store


def test_another_backplane_has_the_same_figures(store: Path) -> None:
    """Given the same events elsewhere, When both are counted, Then the reports are equal."""
    source, _ = elsewhere(store)

    with counted_in(source, Window()) as copied:
        report = reports_of(copied, Window(), [])

    assert copied != store
    assert not copied.exists()
    assert report == reports_of(store, Window(), [])
    assert [each.experiment for each in report] == ["checkout", "search"]


def test_only_what_counts_is_read(store: Path) -> None:
    """Given a window, When another backplane is counted, Then no more than that is read."""
    source, asked = elsewhere(store)
    window = Window(experiments=("checkout",), since=at(0), until=at(60))

    with counted_in(source, window) as copied:
        (report,) = reports_of(copied, window, [])

    assert report.experiment == "checkout"
    assert {each.types for each in asked} == {("exposure", "outcome")}
    assert {(each.experiments, each.since, each.until) for each in asked} == {
        (("checkout",), at(0), at(60))
    }
