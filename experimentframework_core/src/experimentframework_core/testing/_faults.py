"""A backplane that fails by a script, for tests of whatever stands in front of a backplane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.envelope import Record
from experimentframework_core.errors import PartialBatchError, PermanentError, TransientError
from experimentframework_core.plugin import (
    Backplane,
    BackplanePlugin,
    ChannelSettings,
    Features,
    OpenContext,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

Fault = Callable[[Backplane, Sequence[Record]], Coroutine[Any, Any, None]]
"""What becomes of one call of ``deliver``: it gets the wrapped backplane and the batch."""


async def deliver(inner: Backplane, batch: Sequence[Record]) -> None:
    """Deliver the batch, as if nothing stood in between."""
    await inner.deliver(batch)


async def swallow(inner: Backplane, batch: Sequence[Record]) -> None:
    """Say that the batch is delivered, and lose it: a backplane that lies."""


def fail(error: BaseException, *, after: int | None = 0) -> Fault:
    """Return a fault that delivers the first ``after`` records and then raises ``error``.

    Any error will do: `TransientError`, `UnavailableError`, `PermanentError`, a `RuntimeError`
    as from a plugin's bug, or a `PartialBatchError` whose indexes are a lie.

    Args:
        error: What ``deliver`` raises.
        after: How many records arrive all the same; None means the whole batch, so that only
            the answer is lost.
    """

    async def fault(inner: Backplane, batch: Sequence[Record]) -> None:
        arrived = batch[:after]
        if arrived:
            await inner.deliver(arrived)
        raise error

    return fault


def refuse(
    matches: Callable[[Record], bool],
    error: TransientError | PermanentError | None = None,
    *,
    partially: bool = False,
) -> Fault:
    """Return a fault that refuses the records that match, and delivers batches without them.

    Args:
        matches: Which records are refused.
        error: The reason; a `PermanentError` if it is not given.
        partially: Deliver the others and name the refused ones in a `PartialBatchError`.
            Otherwise the batch as a whole is refused and nothing of it is delivered.
    """
    reason = error or PermanentError("the record is refused")

    async def fault(inner: Backplane, batch: Sequence[Record]) -> None:
        refused = {index: reason for index, record in enumerate(batch) if matches(record)}
        if refused and not partially:
            raise reason
        kept = [record for index, record in enumerate(batch) if index not in refused]
        if kept:
            await inner.deliver(kept)
        if refused:
            raise PartialBatchError(refused)

    return fault


class Hang:
    """A fault that stays in ``deliver`` until it is released or cancelled, then delivers.

    Attributes:
        started: Set when a delivery has reached it; await it instead of sleeping.
        cancellations: How often it was cancelled.
    """

    def __init__(self, *, stubborn: int = 0) -> None:
        """Ignore the first ``stubborn`` cancellations; obey the next one."""
        self.started = asyncio.Event()
        self.cancellations = 0
        self._stubborn = stubborn
        self._released = asyncio.Event()

    async def __call__(self, inner: Backplane, batch: Sequence[Record]) -> None:
        self.started.set()
        while not self._released.is_set():
            try:
                await self._released.wait()
            except asyncio.CancelledError:
                self.cancellations += 1
                if self.cancellations > self._stubborn:
                    raise
        await inner.deliver(batch)

    def release(self) -> None:
        """Let the delivery go on."""
        self._released.set()


def slow(seconds: float) -> Fault:
    """Return a fault that waits ``seconds`` of the loop's time before it delivers."""

    async def fault(inner: Backplane, batch: Sequence[Record]) -> None:
        await asyncio.sleep(seconds)
        await inner.deliver(batch)

    return fault


class Call(msgspec.Struct, frozen=True):
    """One call of ``deliver``.

    Attributes:
        batch: The records, in the order in which they were given.
        lane: Which instance was called.
        at: The loop's time, in seconds.
    """

    batch: tuple[Record, ...]
    lane: int
    at: float


class Sink:
    """A backplane that keeps every record in a list: the plainest destination there is."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.records: list[Record] = []

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Append the records."""
        self.records.extend(batch)


class FaultyBackplane:
    """Wraps a backplane and does to each delivery what a script says.

    ::

        faulty = FaultyBackplane([fail(TransientError("down")), deliver, Hang()])

    Each delivery takes one fault from the script; when the script is over, ``afterwards`` holds.
    Give it to a data plane as it is, or as `plugin` where opening should fail as well or where
    several lanes are wanted. Lanes share the script.

    Attributes:
        inner: The wrapped backplane; a `Sink` if none was given.
        calls: Every call of ``deliver``.
        opened: How often an instance was opened through `plugin`.
        closed: How often one was closed.
        overlaps: Calls that began on a lane while another one ran there; the contract says 0.
    """

    def __init__(
        self,
        script: Iterable[Fault] = (),
        *,
        inner: Backplane | None = None,
        afterwards: Fault = deliver,
    ) -> None:
        """Take the ``script``, which may be endless, as `itertools.repeat` or a generator is."""
        self.inner: Backplane = inner if inner is not None else Sink()
        self.calls: list[Call] = []
        self.opened = 0
        self.closed = 0
        self.overlaps = 0
        self._script = iter(script)
        self._afterwards = afterwards
        self._busy: set[int] = set()

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Do what the script says next."""
        await self.deliver_on(0, batch)

    async def deliver_on(self, lane: int, batch: Sequence[Record]) -> None:
        """Do on a lane what the script says next."""
        self.calls.append(Call(tuple(batch), lane, asyncio.get_running_loop().time()))
        self.overlaps += lane in self._busy
        self._busy.add(lane)
        try:
            await next(self._script, self._afterwards)(self.inner, batch)
        finally:
            self._busy.discard(lane)

    def plugin(
        self,
        opening: Iterable[BaseException | None] = (),
        *,
        features: Features | None = None,
    ) -> BackplanePlugin[ChannelSettings]:
        """Return a plugin of type ``faulty`` whose instances are lanes of this backplane.

        Args:
            opening: One for each attempt to open: the error it raises, or None. When it is over,
                opening succeeds.
            features: What the plugin says that it guarantees; nothing, if not given.
        """
        attempts = iter(opening)

        @asynccontextmanager
        async def open_lane(
            options: ChannelSettings,  # noqa: ARG001  the signature of `BackplanePlugin.open`
            context: OpenContext,
        ) -> AsyncIterator[Backplane]:
            error = next(attempts, None)
            if error is not None:
                raise error
            self.opened += 1
            try:
                yield _Lane(self, context.lane)
            finally:
                self.closed += 1

        return BackplanePlugin(
            type="faulty",
            options=ChannelSettings,
            open=open_lane,
            features=features or Features(),
        )


class _Lane:
    def __init__(self, faulty: FaultyBackplane, lane: int) -> None:
        self._faulty = faulty
        self._lane = lane

    async def deliver(self, batch: Sequence[Record]) -> None:
        await self._faulty.deliver_on(self._lane, batch)
