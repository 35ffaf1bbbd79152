"""The settings of one channel, gathered from every place that may say them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from experimentframework_core.config._model.data_plane import (
    GIB,
    MIB,
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    BufferType,
    DataPlaneOptions,
    DeadLetterOptions,
    OnFailure,
    RetryOptions,
    WhenFull,
)
from experimentframework_core.plugin import ChannelSettings

if TYPE_CHECKING:
    from experimentframework_core.plugin import BackplanePlugin

Source = Literal["options", "backplane", "plugin", "dataPlane", "default"]
"""Who said a setting, the most specific first."""


class BufferConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A buffer's settings with every default filled in.

    Attributes:
        type: ``memory`` or ``disk``.
        max_events: Most events that wait.
        max_bytes: Most bytes that wait, counted as body + 400 for each event.
        when_full: What happens to an event for which there is no room.
        block_timeout_ms: How long ``block`` waits.
        path: The folder of a disk buffer.
        commit_interval_ms: How long a disk buffer gathers events for one commit.
    """

    type: BufferType
    max_events: int
    max_bytes: int
    when_full: WhenFull
    block_timeout_ms: int
    path: str | None
    commit_interval_ms: int


class ChannelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one channel, resolved.

    Attributes:
        name: The backplane's name; unique in its plane.
        events: The event types that the channel takes, or None for all.
        batch_size: Most records in one delivery.
        batch_bytes: Most bytes of bodies in one delivery.
        flush_interval_ms: Longest wait for a batch to fill.
        buffer: Where events wait.
        retry: How a failed delivery is tried again.
        breaker: When the destination counts as down.
        concurrency: How many instances deliver side by side.
        delivery_timeout_ms: Time after which a delivery is cancelled.
        open_timeout_ms: Time to open the backplane.
        ack_timeout_ms: Longest wait of ``publish`` for this channel's acknowledgement.
        max_event_bytes: Most bytes of one encoded event.
        on_failure: What becomes of refused events.
        dead_letter: The dead-letter store.
        shutdown_timeout_ms: Time to drain when the plane closes.
        origin: Where the configuration comes from, for its dead letters; see `DeadLetter`.
    """

    name: str
    events: frozenset[str] | None
    batch_size: int
    batch_bytes: int
    flush_interval_ms: int
    buffer: BufferConfig
    retry: RetryOptions
    breaker: BreakerOptions
    concurrency: int
    delivery_timeout_ms: int
    open_timeout_ms: int
    ack_timeout_ms: int
    max_event_bytes: int
    on_failure: OnFailure
    dead_letter: DeadLetterOptions
    shutdown_timeout_ms: int
    origin: str = ""


def effective(
    data_plane: DataPlaneOptions,
    node: BackplaneOptions,
    plugin: BackplanePlugin[Any] | None = None,
) -> ChannelConfig:
    """Return the settings of ``node``'s channel; the most specific place wins.

    Args:
        data_plane: The section that holds the plane's own settings.
        node: The backplane's node.
        plugin: The plugin of ``node.type``; None for a failover, which is none.
    """
    chosen = {name: value for name, (value, _) in _resolve(data_plane, node, plugin).items()}
    return ChannelConfig(
        name=node.name or node.type,
        events=None if node.events is None else frozenset(node.events),
        shutdown_timeout_ms=data_plane.shutdown_timeout_ms,
        **{**chosen, "buffer": _resolve_buffer(chosen["buffer"])},
    )


def effective_sources(
    data_plane: DataPlaneOptions,
    node: BackplaneOptions,
    plugin: BackplanePlugin[Any] | None = None,
) -> dict[str, Source]:
    """Return who said each setting of `effective`, by the setting's name.

    ``default`` means that the value of ``dataPlane`` is the library's own.
    """
    return {name: source for name, (_, source) in _resolve(data_plane, node, plugin).items()}


def resolved_options(node: BackplaneOptions, plugin: BackplanePlugin[Any]) -> ChannelSettings:
    """Return the plugin's options of ``node``: as given, or all defaults."""
    options_class: type[ChannelSettings] = plugin.options
    return options_class() if node.options is None else node.options


def _resolve(
    data_plane: DataPlaneOptions,
    node: BackplaneOptions,
    plugin: BackplanePlugin[Any] | None,
) -> dict[str, tuple[Any, Source]]:
    options = resolved_options(node, plugin) if plugin else None
    defaults = plugin.channel_defaults(options) if plugin and plugin.channel_defaults else None
    chosen = {
        name: _chosen(name, options, node, defaults, data_plane) for name in _CHANNEL_SETTINGS
    }
    attempts = attempts_in(options, plugin) if plugin and options else None
    if attempts is not None:
        retry, _ = chosen["retry"]
        chosen["retry"] = msgspec.structs.replace(retry, max_attempts=attempts), "options"
    return chosen


def attempts_in(options: ChannelSettings, plugin: BackplanePlugin[Any]) -> int | None:
    """Return what a plugin's own options say for ``retry.maxAttempts``; None if nothing."""
    if plugin.attempts_option is None:
        return None
    attempts: int | None = getattr(options, plugin.attempts_option)
    return attempts


def _chosen(
    name: str,
    options: ChannelSettings | None,
    node: BackplaneOptions,
    defaults: ChannelSettings | None,
    data_plane: DataPlaneOptions,
) -> tuple[Any, Source]:
    said: list[tuple[Source, Any]] = [("backplane", getattr(node, name))]
    if name in ChannelSettings.__struct_fields__:
        said.insert(0, ("options", getattr(options, name, None)))
        said.append(("plugin", getattr(defaults, name, None)))
    for source, value in said:
        if value is not None:
            return value, source
    return _of_data_plane(data_plane, name)


_CHANNEL_SETTINGS = (
    "batch_size",
    "batch_bytes",
    "flush_interval_ms",
    "buffer",
    "retry",
    "breaker",
    "concurrency",
    "delivery_timeout_ms",
    "open_timeout_ms",
    "ack_timeout_ms",
    "max_event_bytes",
    "on_failure",
    "dead_letter",
)
_PLANE_DEFAULTS = DataPlaneOptions()


def _of_data_plane(data_plane: DataPlaneOptions, name: str) -> tuple[Any, Source]:
    value = plane_buffer(data_plane) if name == "buffer" else getattr(data_plane, name)
    return value, "default" if value == getattr(_PLANE_DEFAULTS, name) else "dataPlane"


def plane_buffer(data_plane: DataPlaneOptions) -> BufferOptions:
    """Return the plane's buffer with the older spellings put in."""
    buffer = data_plane.buffer
    if data_plane.max_queue_size is not None:
        buffer = msgspec.structs.replace(buffer, max_events=data_plane.max_queue_size)
    if data_plane.failure_mode is not None:
        when_full = "block" if data_plane.failure_mode == "block" else "dropNewest"
        buffer = msgspec.structs.replace(buffer, when_full=when_full)
    return buffer


def _resolve_buffer(buffer: BufferOptions) -> BufferConfig:
    on_disk = buffer.type == "disk"
    return BufferConfig(
        type=buffer.type,
        max_events=buffer.max_events or (1_000_000 if on_disk else 10_000),
        max_bytes=buffer.max_bytes or (GIB if on_disk else 64 * MIB),
        when_full=buffer.when_full or ("block" if on_disk else "dropNewest"),
        block_timeout_ms=buffer.block_timeout_ms,
        path=buffer.path,
        commit_interval_ms=buffer.commit_interval_ms,
    )
