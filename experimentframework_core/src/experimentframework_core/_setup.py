"""From options to the destinations of a plane: checked, resolved, not opened."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.backplanes.composite import (
    Destination,
    FindPlugin,
    destinations,
    given,
)
from experimentframework_core.config import (
    BackplaneOptions,
    ChannelConfig,
    DataPlaneOptions,
    Problem,
    check,
)
from experimentframework_core.deadletter import (
    DeadLetterStore,
    SqliteDeadLetterStore,
    default_path,
)
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugin import Backplane, BackplanePlugin
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence


def resolve(
    options: DataPlaneOptions, backplane: Backplane | BackplanePlugin[Any] | None
) -> tuple[DataPlaneOptions, list[Destination]]:
    """Return the options, completed, and where events go.

    Raises:
        ConfigurationError: The options are wrong; it holds every problem.
        TypeError: What was given is neither options nor a backplane.
    """
    _check_kinds(options, backplane)
    find: FindPlugin = find_plugin
    if isinstance(backplane, BackplanePlugin):
        find = partial(_find, backplane)
        if options.backplane is None:
            node = BackplaneOptions(type=backplane.type)
            options = msgspec.structs.replace(options, backplane=node)
        backplane = None
    problems = check(options, find)
    if (options.backplane is None) == (backplane is None):
        problems.append(_one_backplane(given=backplane is not None))
    elif backplane is not None and options.concurrency > 1:
        problems.append(_ONE_INSTANCE)
    if problems:
        raise ConfigurationError(problems)
    if backplane is not None:
        return options, [given(options, backplane)]
    return options, destinations(options, find)


def _check_kinds(options: object, backplane: object) -> None:
    if not isinstance(options, DataPlaneOptions):
        kind = type(options).__name__
        message = f"DataPlane takes DataPlaneOptions, not a {kind}; from_file() reads a file"
        raise TypeError(message)
    if backplane is None or isinstance(backplane, BackplanePlugin):
        return
    if isinstance(backplane, type) or not isinstance(backplane, Backplane):
        message = f"backplane={backplane!r} is no object with an async deliver(batch)"
        raise TypeError(message)


def _find(plugin: BackplanePlugin[Any], name: str) -> BackplanePlugin[Any]:
    return plugin if name == plugin.type else find_plugin(name)


_ONE_INSTANCE = Problem(
    path="dataPlane.concurrency",
    message=(
        "above 1, but the backplane object is one instance, which is never called concurrently;"
        " give a BackplanePlugin, which opens as many as are wanted"
    ),
)


def _one_backplane(*, given: bool) -> Problem:
    message = (
        "a backplane object was given to DataPlane as well; leave one of the two out"
        if given
        else "missing; say where events go, as in {type: sqlite, options: {path: events.db}}"
    )
    return Problem(path="dataPlane.backplane", message=message)


def dead_letter_stores(destinations: Sequence[Destination]) -> list[DeadLetterStore | None]:
    """Return each destination's dead-letter store, one object for each file; None drops."""
    stores: dict[Path, DeadLetterStore] = {}
    found: list[DeadLetterStore | None] = []
    for destination in destinations:
        config = destination.config
        if config.on_failure == "drop":
            found.append(None)
            continue
        path = _path_of(config).absolute()
        found.append(stores.setdefault(path, SqliteDeadLetterStore(path)))
    return found


def _path_of(config: ChannelConfig) -> Path:
    named = config.dead_letter.options.path
    return Path(named) if named else default_path(config.buffer.path)
