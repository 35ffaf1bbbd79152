"""Where a plane's events go: one backplane, or several side by side, each with its own channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from experimentframework_core._discreet import open_discreetly
from experimentframework_core._log import Repeated
from experimentframework_core.backplanes.failover import Member, open_failover
from experimentframework_core.config import (
    BackplaneOptions,
    ChannelConfig,
    DataPlaneOptions,
    effective,
    resolved_options,
)
from experimentframework_core.envelope import Record
from experimentframework_core.errors import TransientError
from experimentframework_core.plugin import (
    Backplane,
    BackplanePlugin,
    ChannelSettings,
    OpenContext,
    Pingable,
)

FindPlugin = Callable[[str], BackplanePlugin[Any]]


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One channel to be: its settings, how its backplane opens, what must stay in order.

    Attributes:
        config: The channel's settings.
        opener: Opens one instance of the backplane.
        key: What must stay in order.
        source: What ``opener`` and ``key`` were made of, by which they are compared: the plugin's
            type and its options for each member, or the application's own object.
    """

    config: ChannelConfig
    opener: Callable[[OpenContext], AbstractAsyncContextManager[Backplane]]
    key: Callable[[Record], str]
    source: tuple[object, ...] = ()

    def delivers_as(self, other: Destination) -> bool:
        """Return whether both deliver alike; which event types they take may differ."""
        config = replace(
            self.config, **{name: getattr(other.config, name) for name in _OF_THE_PLANE}
        )
        return config == other.config and self.source == other.source


_OF_THE_PLANE = ("events", "ack_timeout_ms", "shutdown_timeout_ms", "origin")
"""The settings in a channel's that change nothing about its deliveries."""


def default_key(record: Record) -> str:
    """Return what must stay in order unless a plugin says otherwise."""
    return record.experiment or record.event_id


def destinations(
    options: DataPlaneOptions, find_plugin: FindPlugin, *, origin: str = ""
) -> list[Destination]:
    """Return the destinations of a checked configuration, a composite's in its order.

    Args:
        options: The configuration.
        find_plugin: Finds the plugin of a type.
        origin: Where the configuration comes from, for its dead letters.
    """
    node = options.backplane
    if node is None:
        return []
    nodes = node.backplanes or () if node.type == "composite" else (node,)
    made = [_destination(options, each, find_plugin) for each in nodes]
    return [replace(each, config=replace(each.config, origin=origin)) for each in made]


def _destination(
    options: DataPlaneOptions, node: BackplaneOptions, find_plugin: FindPlugin
) -> Destination:
    if node.type == "failover":
        return _failover(options, node, find_plugin)
    plugin = find_plugin(node.type)
    member = _member(node, plugin)
    return Destination(
        config=effective(options, node, plugin),
        opener=member.opener,
        key=_key_of(plugin, resolved_options(node, plugin)),
        source=_source(node, plugin),
    )


def _source(node: BackplaneOptions, plugin: BackplanePlugin[Any]) -> tuple[object, ...]:
    return node.name or node.type, plugin.type, resolved_options(node, plugin)


def _failover(
    options: DataPlaneOptions, node: BackplaneOptions, find_plugin: FindPlugin
) -> Destination:
    config = effective(options, node)
    members = [_member(each, find_plugin(each.type)) for each in node.backplanes or ()]
    breaker = config.breaker

    def open_members(context: OpenContext) -> AbstractAsyncContextManager[Backplane]:
        return open_failover(
            members,
            context,
            open_timeout=config.open_timeout_ms / 1000,
            retry_after=breaker.open_ms / 1000,
            longest=breaker.max_open_ms / 1000,
        )

    first = (node.backplanes or ())[0]
    plugin = find_plugin(first.type)
    return Destination(
        config=config,
        opener=open_members,
        key=_key_of(plugin, resolved_options(first, plugin)),
        source=tuple(_source(each, find_plugin(each.type)) for each in node.backplanes or ()),
    )


def _member(node: BackplaneOptions, plugin: BackplanePlugin[Any]) -> Member:
    options = resolved_options(node, plugin)
    return Member(name=node.name or node.type, opener=partial(open_discreetly, plugin, options))


def _key_of(plugin: BackplanePlugin[Any], options: ChannelSettings) -> Callable[[Record], str]:
    named = plugin.ordering_key
    if named is None:
        return default_key
    warnings = Repeated()

    def key(record: Record) -> str:
        try:
            value = named(record, options)
        except Exception as error:  # noqa: BLE001 - a plugin's bug must not reach the caller
            warnings.warning(
                "experimentframework.ordering_key_failed", type=plugin.type, error=repr(error)
            )
            value = None
        return value if isinstance(value, str) else default_key(record)

    return key


class OneAtATime:
    """An application's own backplane object, kept from being called twice at once.

    A channel that has given a call up opens the backplane anew; this object is the same again.
    """

    def __init__(self, backplane: Backplane) -> None:
        """Guard ``backplane``."""
        self._backplane = backplane
        self._busy = False

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Deliver, unless a call that was given up is still at it.

        Raises:
            TransientError: One is.
        """
        if self._busy:
            message = "an earlier call, which ignored its cancellation, is still running"
            raise TransientError(message)
        self._busy = True
        try:
            await self._backplane.deliver(batch)
        finally:
            self._busy = False

    async def ping(self) -> None:
        """Ping it, if it can be."""
        if isinstance(self._backplane, Pingable):
            await self._backplane.ping()


def given(options: DataPlaneOptions, backplane: Backplane) -> Destination:
    """Return the destination for a backplane object that the application made and will close."""
    guarded = OneAtATime(backplane)

    @asynccontextmanager
    async def opener(_context: OpenContext) -> AsyncIterator[Backplane]:
        yield guarded

    node = options.backplane or BackplaneOptions(type=type(backplane).__name__)
    return Destination(
        config=effective(options, node), opener=opener, key=default_key, source=(id(backplane),)
    )
