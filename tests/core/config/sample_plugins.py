"""Two backplane types that exist only in the tests of the configuration."""

from __future__ import annotations

from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from experimentframework_core.errors import PluginNotFoundError
from experimentframework_core.plugin import (
    Backplane,
    BackplanePlugin,
    ChannelSettings,
    Finding,
    OpenContext,
)
from experimentframework_core.units import ByteSize, Milliseconds, Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from experimentframework_core.config import DataPlaneOptions
    from experimentframework_core.envelope import Record


class Speed(StrEnum):
    """How fast a courier rides."""

    SLOW = "slow"
    FAST = "fast"


class Login(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who the courier is."""

    user_name: str
    password: Secret | None = None


class CourierOptions(ChannelSettings, frozen=True, kw_only=True):
    """Options with a field of every kind."""

    addresses: tuple[str, ...] | str
    partition_by: Literal["experimentKey", "subjectId", "tenantId", "roundRobin"] = "experimentKey"
    acks: Literal["all", 1, 0] = "all"
    speed: Speed = Speed.SLOW
    code: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", max_length=5)] = "abc"
    linger_ms: Milliseconds = 100
    most: ByteSize = 1024
    weight: Annotated[float, msgspec.Meta(gt=0, lt=10)] = 1.5
    routes: dict[str, str] = msgspec.field(default_factory=dict)
    login: Login | None = None
    extra: Any = None
    place: tuple[int, int] | None = None
    tags: Annotated[list[str], msgspec.Meta(max_length=2)] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse one code, as a plugin's own rule."""
        if self.code == "shut":
            raise ValueError("the office is shut; take another code")


@asynccontextmanager
async def _open(_options: ChannelSettings, _context: OpenContext) -> AsyncIterator[Backplane]:
    raise NotImplementedError
    yield


def _check(options: CourierOptions) -> Iterator[Finding]:
    if "north" in options.routes:
        yield "routes.north", "no courier rides north; leave it out", "error", ()
    if options.code == "odd":
        yield "code", "an odd code is slow", "warning"
    if options.code == "worse":
        yield "code", "a bug of the plugin", "terrible"  # type: ignore[misc]
    if options.code == "crash":
        raise RuntimeError("a bug of the plugin")


def _ordering_key(record: Record, options: CourierOptions) -> str | None:
    return record.subject if options.partition_by == "subjectId" else record.experiment


def _channel_defaults(options: CourierOptions) -> ChannelSettings:
    return ChannelSettings(batch_size=100, flush_interval_ms=options.linger_ms)


courier = BackplanePlugin(
    type="courier",
    options=CourierOptions,
    open=_open,
    check=_check,
    ordering_key=_ordering_key,
    channel_defaults=_channel_defaults,
)
plain = BackplanePlugin(type="plain", options=ChannelSettings, open=_open)


def find_plugin(type_name: str) -> BackplanePlugin[Any]:
    """Return one of the two."""
    for plugin in (courier, plain):
        if plugin.type == type_name:
            return plugin
    raise PluginNotFoundError(f"no type '{type_name}'; pip install it", plugin=type_name)


def load(text: str | bytes, name: str = "e.yaml") -> DataPlaneOptions:
    """Load a text that may use the two."""
    from experimentframework_core.config import data_plane_of, load_text

    return data_plane_of(load_text(text, name=name, find_plugin=find_plugin), name)
