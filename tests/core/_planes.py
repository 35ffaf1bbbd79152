"""Parts for tests of data planes: open ones whose accounts are checked, in real or virtual time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from experimentframework_core import BackplaneOptions, ChannelSettings, DataPlane, DataPlaneOptions
from experimentframework_core.codec import decode
from experimentframework_core.plugin import BackplanePlugin, OpenContext
from experimentframework_core.testing import FaultyBackplane, Sink
from tests.core._channels import is_balanced, is_by_type
from tests.core._virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from experimentframework_core.envelope import Envelope, Record
    from experimentframework_core.plugin import Backplane

T = TypeVar("T")


def options(**settings: Any) -> DataPlaneOptions:
    """Return options that keep no dead letters, unless ``settings`` say otherwise."""
    return DataPlaneOptions(**({"on_failure": "drop"} | settings))


def in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine on a loop whose waits take no time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def check_accounts(plane: DataPlane) -> None:
    """Assert that every event has exactly one fate, for the plane and for each channel."""
    statistics = plane.statistics()
    fates = sum(statistics.filtered.values()) + statistics.rejected + statistics.accepted
    assert statistics.published == fates, statistics
    assert statistics.accepted == sum(statistics.accepted_by_type.values())
    for channel in statistics.backplanes.values():
        assert is_balanced(channel), channel
        assert is_by_type(channel), channel


@asynccontextmanager
async def opened(
    given: Backplane | BackplanePlugin[Any] | None = None, /, **settings: Any
) -> AsyncIterator[DataPlane]:
    """Yield an open plane; check its accounts before it closes and after, when nothing is left."""
    plane = DataPlane(options(**settings), backplane=given)
    async with plane:
        yield plane
        check_accounts(plane)
    check_accounts(plane)
    assert all(channel.buffered == 0 for channel in plane.statistics().backplanes.values())


def sunk(faulty: FaultyBackplane) -> list[Record]:
    """Return what has arrived behind the faults, in order."""
    assert isinstance(faulty.inner, Sink)
    return faulty.inner.records


def envelopes(faulty: FaultyBackplane) -> list[Envelope]:
    """Return what has arrived behind the faults, decoded."""
    return [decode(record.body) for record in sunk(faulty)]


class NodeOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Which of the test's backplanes a node stands for."""

    of: str


class Backplanes:
    """A plugin type whose instances are the test's own backplanes, by name."""

    def __init__(self, **backplanes: Backplane) -> None:
        """Open those."""
        self._backplanes = backplanes
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.contexts: list[OpenContext] = []
        self.plugin = BackplanePlugin(type="named", options=NodeOptions, open=self._open)

    @asynccontextmanager
    async def _open(self, node: NodeOptions, context: OpenContext) -> AsyncIterator[Backplane]:
        self.opened.append(node.of)
        self.contexts.append(context)
        try:
            yield self._backplanes[node.of]
        finally:
            self.closed.append(node.of)

    def node(self, name: str, **more: Any) -> BackplaneOptions:
        """Return the node of one of them."""
        return BackplaneOptions(type="named", name=name, options=NodeOptions(of=name), **more)

    def group(self, kind: str, *nodes: BackplaneOptions, **more: Any) -> BackplaneOptions:
        """Return a composite or failover of the nodes; without any, of all the backplanes."""
        members = nodes or tuple(self.node(name) for name in self._backplanes)
        return BackplaneOptions(type=kind, backplanes=members, **more)


def fields_of(event: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a Struct by name."""
    return msgspec.structs.asdict(event)
