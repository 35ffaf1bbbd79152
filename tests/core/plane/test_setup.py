"""From options to destinations: given plugins and objects, and stores of dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never

import pytest

from experimentframework_core import (
    BackplaneOptions,
    BufferOptions,
    DataPlane,
    DeadLetterOptions,
    DeliveryError,
    PermanentError,
)
from experimentframework_core._plane.setup import dead_letter_stores, resolve
from experimentframework_core.backplanes.composite import Destination, default_key
from experimentframework_core.backplanes.memory import InMemoryBackplane, InMemoryOptions
from experimentframework_core.backplanes.sqlite import SqliteOptions
from experimentframework_core.config import DeadLetterStoreOptions, effective
from experimentframework_core.deadletter import FileDeadLetterStore, letter_of
from experimentframework_core.testing import FaultyBackplane, fail, make_exposure
from tests.core._planes import Backplanes, options, sunk
from tests.core.letters._letters import make_letter

if TYPE_CHECKING:
    from pathlib import Path


def never(_context: object) -> Never:
    raise AssertionError


def test_a_given_plugin_needs_no_node() -> None:
    """Given a plugin that is not installed, when nothing names it, then it is the backplane."""
    resolved, destinations = resolve(options(), FaultyBackplane().plugin())

    assert resolved.backplane == BackplaneOptions(type="faulty")
    assert [destination.config.name for destination in destinations] == ["faulty"]


def test_a_given_plugin_stands_beside_installed_ones() -> None:
    """Given a plugin, when a composite names it and a built-in type, then both are found."""
    node = BackplaneOptions(
        type="composite",
        backplanes=(BackplaneOptions(type="faulty"), BackplaneOptions(type="inMemory")),
    )

    _, destinations = resolve(options(backplane=node), FaultyBackplane().plugin())

    assert [destination.config.name for destination in destinations] == ["faulty", "inMemory"]


def test_destinations_with_one_dead_letter_file_share_one_store(tmp_path: Path) -> None:
    """Given three nodes, when two name one file and one drops, then there is one store."""
    letters = DeadLetterOptions(options=DeadLetterStoreOptions(path=str(tmp_path / "dead.db")))
    backplanes = Backplanes(a=FaultyBackplane(), b=FaultyBackplane(), c=FaultyBackplane())
    nodes = (
        backplanes.node("a", on_failure="deadLetter", dead_letter=letters),
        backplanes.node("b", on_failure="deadLetter", dead_letter=letters),
        backplanes.node("c"),
    )
    made = options(backplane=backplanes.group("composite", *nodes))

    _, destinations = resolve(made, backplanes.plugin)
    first, second, third = dead_letter_stores(destinations)

    assert first is second is not None
    assert third is None
    assert not (tmp_path / "dead.db").exists()


def test_a_file_may_be_lines_of_json(tmp_path: Path) -> None:
    """Given the type file and no path, when there is a buffer on disk, then it is beside it."""
    config = effective(
        options(
            on_failure="deadLetter",
            dead_letter=DeadLetterOptions(type="file"),
            buffer=BufferOptions(type="disk", path=str(tmp_path)),
        ),
        BackplaneOptions(type="inMemory"),
    )

    (store,) = dead_letter_stores([Destination(config=config, opener=never, key=default_key)])

    assert isinstance(store, FileDeadLetterStore)
    assert store.location == str(tmp_path / "deadletters.ndjson")


async def test_dead_letters_may_go_to_a_given_plugin(tmp_path: Path) -> None:
    """Given a plugin, when dead letters are to go to its type, then it gets the story of each."""
    letters = FaultyBackplane()
    plugin = letters.plugin()
    refusing = BackplaneOptions(
        type="sqlite", options=SqliteOptions(path=str(tmp_path / "events.db"))
    )
    made = options(
        on_failure="deadLetter", dead_letter=DeadLetterOptions(type="faulty"), backplane=refusing
    )

    _, destinations = resolve(made, plugin)
    (store,) = dead_letter_stores(destinations, plugin)
    assert store is not None
    await store.write([make_letter("a")])
    await store.aclose()

    assert store.location == "backplane faulty (sqlite.deadLetter)"
    assert [letter_of(record).event_id for record in sunk(letters)] == ["a"]


async def test_a_plane_s_dead_letters_arrive_at_a_backplane() -> None:
    """Given a backplane for dead letters, when an event is refused, then its bytes are there."""
    refusing = FaultyBackplane(afterwards=fail(PermanentError("too large")))
    letters = DeadLetterOptions(type="inMemory", options=InMemoryOptions(store="letters"))
    made = options(on_failure="deadLetter", dead_letter=letters)

    async with DataPlane(made, backplane=refusing) as plane:
        with pytest.raises(DeliveryError, match="was dead-lettered"):
            await plane.publish(make_exposure(), ack="delivered")
        health = await plane.health()

    (record,) = InMemoryBackplane.named("letters").records
    assert letter_of(record).body == refusing.calls[0].batch[0].body
    said = health.diagnostics["FaultyBackplane"].diagnostics["dead_letters"]
    assert said == "backplane inMemory (FaultyBackplane.deadLetter)"
