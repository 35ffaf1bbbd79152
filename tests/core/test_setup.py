"""From options to destinations: given plugins and objects, and stores of dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core import BackplaneOptions, DeadLetterOptions
from experimentframework_core._setup import dead_letter_stores, resolve
from experimentframework_core.config import DeadLetterStoreOptions
from experimentframework_core.testing import FaultyBackplane
from tests.core._planes import Backplanes, options

if TYPE_CHECKING:
    from pathlib import Path


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
