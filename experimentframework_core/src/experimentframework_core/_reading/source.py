"""A backplane of a configuration, as somebody sees it who wants its events back."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._discreet import read_discreetly
from experimentframework_core._reading.encoded import EncodedAgain
from experimentframework_core.config import BackplaneOptions, resolved_options
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import Backplane, BackplanePlugin, ChannelSettings
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from experimentframework_core.backplanes.composite import FindPlugin
    from experimentframework_core.envelope import Envelope, Record
    from experimentframework_core.plugin import OpenContext, Selection


class Source(msgspec.Struct, frozen=True):
    """A backplane of a configuration, as somebody sees it who wants its events back.

    Attributes:
        name: Its name; its type where it has none.
        plugin: The plugin of its type.
        options: Its options, with every default.
    """

    name: str
    plugin: BackplanePlugin[Any]
    options: ChannelSettings

    def __str__(self) -> str:
        """Return its name, with its type where that says more."""
        return self.name if self.name == self.plugin.type else f"{self.name} ({self.plugin.type})"

    @property
    def file(self) -> Path | None:
        """The file that it is, however its path is written; None where it is no file."""
        path: object = getattr(self.options, "path", None)
        return Path(os.path.realpath(Path(path).expanduser())) if isinstance(path, str) else None

    def read(self, selection: Selection) -> AsyncIterator[Envelope]:
        """Return a reader of the selected events.

        Raises:
            ReplayError: It cannot be read back, or the selection's checkpoint is not one of its
                reader's.
        """
        if self.plugin.read is None:
            message = f"{self} cannot be read back"
            raise ReplayError(message)
        return read_discreetly(self.plugin.read, self.options, selection)

    def records(self, selection: Selection) -> AsyncIterator[Record]:
        """Return a reader of the selected events as records: as they are stored, if it can.

        Raises:
            ReplayError: As for `read`.
        """
        if self.plugin.read_records is not None:
            return read_discreetly(self.plugin.read_records, self.options, selection)
        return EncodedAgain(self.read(selection))


def source_from(node: BackplaneOptions, find: FindPlugin = find_plugin) -> Source:
    """Return what a backplane's node in a configuration names.

    Args:
        node: Its node.
        find: Finds the plugin of its type.

    Raises:
        PluginError: There is no such plugin, or it cannot be used.
    """
    plugin = find(node.type)
    return Source(node.name or node.type, plugin, resolved_options(node, plugin))


def source_given(backplane: Backplane) -> Source:
    """Return what a backplane object, which the application made itself, can be read as.

    It is readable where the object has a ``read(selection)`` that returns a reader.
    """
    read: Callable[[Selection], AsyncIterator[Envelope]] | None = getattr(backplane, "read", None)

    @asynccontextmanager
    async def opened(_options: ChannelSettings, _context: OpenContext) -> AsyncIterator[Backplane]:
        yield backplane

    name = type(backplane).__name__
    plugin = BackplanePlugin(
        type=name,
        options=ChannelSettings,
        open=opened,
        read=None if read is None else lambda _options, selection: read(selection),
    )
    return Source(name, plugin, ChannelSettings())
