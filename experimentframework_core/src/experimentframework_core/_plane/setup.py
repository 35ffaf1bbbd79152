"""From options to the destinations of a plane: checked, resolved, not opened."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._letters import origin
from experimentframework_core._log import logger
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
    BackplaneDeadLetters,
    DeadLetterStore,
    FileDeadLetterStore,
    SqliteDeadLetterStore,
    default_path,
    file_names,
)
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugin import (
    Backplane,
    BackplanePlugin,
    ChannelSettings,
    OpenContext,
)
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


_warned = ContextVar("warned", default=False)


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
    found = check(options, find)
    if not _warned.get():
        warn_of(found)
    problems = [each for each in found if each.severity == "error"]
    if (options.backplane is None) == (backplane is None):
        problems.append(_one_backplane(given=backplane is not None))
    elif backplane is not None and options.concurrency > 1:
        problems.append(_ONE_INSTANCE)
    if problems:
        raise ConfigurationError(problems)
    if backplane is not None:
        return options, [given(options, backplane)]
    return options, destinations(options, find, origin=origin.present())


@contextmanager
def warned(problems: Iterable[Problem]) -> Iterator[None]:
    """Log each warning among ``problems``, whose places a file has; inside `resolve` logs none."""
    warn_of(problems)
    token = _warned.set(True)
    try:
        yield
    finally:
        _warned.reset(token)


def warn_of(problems: Iterable[Problem]) -> None:
    """Log each warning among ``problems``."""
    for problem in problems:
        if problem.severity == "warning":
            logger.warning("experimentframework.configuration_warned", problem=str(problem))


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


def dead_letter_stores(
    destinations: Sequence[Destination],
    backplane: Backplane | BackplanePlugin[Any] | None = None,
    files: dict[Path, DeadLetterStore] | None = None,
) -> list[DeadLetterStore | None]:
    """Return each destination's dead-letter store, one object for each file; None drops.

    Args:
        destinations: As `resolve` gave them.
        backplane: What `resolve` was given; a plugin may take dead letters, too.
        files: The stores of files that there are already; those that are made are put in.

    Raises:
        PluginError: The plugin of a dead-letter backplane cannot be loaded.
    """
    find: FindPlugin = find_plugin
    if isinstance(backplane, BackplanePlugin):
        find = partial(_find, backplane)
    files = {} if files is None else files
    return [_store_of(each.config, files, find) for each in destinations]


def letter_file(config: ChannelConfig) -> Path | None:
    """Return the file of a destination's dead letters; None where they go to a backplane."""
    letters = config.dead_letter
    if letters.type not in file_names:
        return None
    named = getattr(letters.options, "path", None)
    path = Path(named) if named else default_path(config.buffer.path, type=letters.type)
    return path.expanduser().absolute()


def _store_of(
    config: ChannelConfig, files: dict[Path, DeadLetterStore], find: FindPlugin
) -> DeadLetterStore | None:
    if config.on_failure == "drop":
        return None
    path = letter_file(config)
    if path is None:
        return _backplane_store(config, find(config.dead_letter.type))
    kinds = {"sqlite": SqliteDeadLetterStore, "file": FileDeadLetterStore}
    kind = kinds[config.dead_letter.type]
    # Only a reload can find another kind of file at the same path.
    if not isinstance(files.get(path), kind):
        files[path] = kind(path)
    return files[path]


def _backplane_store(config: ChannelConfig, plugin: BackplanePlugin[Any]) -> DeadLetterStore:
    said = config.dead_letter.options
    context = OpenContext(
        name=f"{config.name}.deadLetter", delivery_timeout=config.delivery_timeout_ms / 1000
    )
    return BackplaneDeadLetters(
        plugin,
        said if isinstance(said, ChannelSettings) else plugin.options(),
        context,
        open_timeout=config.open_timeout_ms / 1000,
    )
