"""Which destination of a new configuration comes in the place of which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import BackplaneOptions, DataPlaneOptions
from experimentframework_core._plane.comparison import compare
from experimentframework_core._plane.setup import resolve
from experimentframework_core.backplanes.sqlite import SqliteOptions

if TYPE_CHECKING:
    from experimentframework_core.backplanes.composite import Destination


def made(*names: str, path: str = "a.db", **settings: Any) -> list[Destination]:
    """Return the destinations of a configuration with backplanes of these names."""
    options = SqliteOptions(path=path)
    nodes = tuple(BackplaneOptions(type="sqlite", name=name, options=options) for name in names)
    group = BackplaneOptions(type="composite", backplanes=nodes)
    node = nodes[0] if len(nodes) == 1 else group
    return resolve(DataPlaneOptions(backplane=node, **settings), None)[1]


def test_names_decide() -> None:
    """Given backplanes in another order, when compared, then each finds its own."""
    found = compare(made("a", "b", "c"), made("c", "d", "a"))

    assert found.before == [2, None, 0]
    assert found.kept == {0, 2}
    assert found.removed == [1]


def test_the_only_one_follows_the_only_one() -> None:
    """Given one backplane before and after, when compared, then the names do not matter."""
    found = compare(made("a"), made("b"))

    assert (found.before, found.kept, found.removed) == ([0], frozenset(), [])


def test_a_member_is_not_the_only_one() -> None:
    """Given one backplane and then two others, when compared, then both are new."""
    found = compare(made("a"), made("b", "c"))

    assert (found.before, found.removed) == ([None, None], [0])


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, True),
        ({"sampling_rate": 0.5}, True),
        ({"ack_timeout_ms": 1}, True),
        ({"shutdown_timeout_ms": 1}, True),
        ({"batch_size": 1}, False),
        ({"path": "b.db"}, False),
        ({"max_event_bytes": 1000}, False),
    ],
)
def test_only_what_the_channel_acts_upon_replaces_it(settings: Any, kept: Any) -> None:
    """Given one other setting, when compared, then the backplane is kept unless it is its own."""
    found = compare(made("a"), made("a", **settings))

    assert bool(found.kept) is kept
