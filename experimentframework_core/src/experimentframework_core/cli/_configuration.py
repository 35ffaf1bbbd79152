"""What the commands need of a configuration file: its options, its destinations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from experimentframework_core._letters.origin import origin_of
from experimentframework_core.cli._output import say
from experimentframework_core.config import data_plane_of, read_configuration
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.config import BackplaneOptions, BufferOptions, DataPlaneOptions
    from experimentframework_core.plugin import BackplanePlugin

_NEVER_GIVE_UP_MS = 1_000_000_000


class Read(NamedTuple):
    """The options in a configuration, and where they come from, for dead letters."""

    options: DataPlaneOptions
    origin: str


def load(path: Path) -> DataPlaneOptions:
    """Return the options in a file or folder; as `read`."""
    return read(path).options


def read(path: Path) -> Read:
    """Return the options in a file or folder, and their origin; warnings go to stderr.

    Raises:
        ConfigurationError: With every problem, or that a file cannot be read.
    """
    loaded = read_configuration(path, find_plugin)
    configuration = loaded.valid()
    for problem in loaded.problems:
        if problem.severity == "warning":
            say(str(problem))
    options = data_plane_of(configuration, loaded.files[0])
    return Read(options, origin_of(loaded.files_of_data_plane))


def files_of(path: Path) -> list[Path]:
    """Return the files of which the configuration in a file or folder consists."""
    return [Path(file) for file in read_configuration(path, find_plugin).files]


def channels(
    options: DataPlaneOptions,
) -> Iterator[tuple[BackplaneOptions, BackplanePlugin[Any] | None]]:
    """Yield the node of each channel with its plugin; a failover is one channel and no plugin."""
    return _channels(options.backplane) if options.backplane else iter(())


def _channels(
    node: BackplaneOptions,
) -> Iterator[tuple[BackplaneOptions, BackplanePlugin[Any] | None]]:
    if node.type == "composite":
        for member in node.backplanes or ():
            yield from _channels(member)
    else:
        yield node, None if node.type == "failover" else find_plugin(node.type)


def blocking(options: DataPlaneOptions) -> DataPlaneOptions:
    """Return ``options`` with every buffer waiting for room, however long that takes.

    A file can wait, a request cannot: so a command never drops because a buffer is full.
    """
    waiting = msgspec.structs.replace(options, buffer=_waiting(options.buffer), failure_mode=None)
    if options.backplane is None:
        return waiting
    return msgspec.structs.replace(waiting, backplane=_blocking_node(options.backplane))


def _blocking_node(node: BackplaneOptions) -> BackplaneOptions:
    return msgspec.structs.replace(
        node,
        buffer=node.buffer and _waiting(node.buffer),
        backplanes=node.backplanes and tuple(_blocking_node(each) for each in node.backplanes),
    )


def _waiting(buffer: BufferOptions) -> BufferOptions:
    return msgspec.structs.replace(buffer, when_full="block", block_timeout_ms=_NEVER_GIVE_UP_MS)
