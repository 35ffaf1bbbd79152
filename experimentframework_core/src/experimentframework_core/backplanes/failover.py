"""The first of several backplanes that works, batch by batch; back to the first when it heals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._tasks import (
    DeadlineExceededError,
    Held,
    TaskAbandonedError,
    run_bounded,
)
from experimentframework_core.errors import TransientError
from experimentframework_core.plugin import Backplane, OpenContext, Pingable

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record


class Member(msgspec.Struct, frozen=True):
    """One of the backplanes of a failover: its name and how it opens."""

    name: str
    opener: Callable[[OpenContext], AbstractAsyncContextManager[Backplane]]


class Rest:
    """How long a member that failed is left alone: doubling, up to the longest."""

    def __init__(self, shortest: float, longest: float) -> None:
        """Begin with no rest; times are in seconds."""
        self._shortest = shortest
        self._longest = longest
        self._next = shortest
        self.until = 0.0

    def begin(self, now: float, at_least: float | None = None) -> None:
        """The member failed."""
        self.until = now + max(self._next, at_least or 0.0)
        self._next = min(self._next * 2, self._longest)

    def end(self) -> None:
        """The member works."""
        self.until = 0.0
        self._next = self._shortest


class _Tried:
    """A member with what is known of it."""

    def __init__(self, member: Member, rest: Rest) -> None:
        self.name = member.name
        self.opener = member.opener
        self.rest = rest
        self.held: Held[Backplane] | None = None


class FailoverBackplane:
    """Delivers each batch to the first member that takes it.

    A member that fails transiently rests for a while and the next one is tried at once, so a
    batch may arrive at two members: the event id tells. What a member refuses for ever is
    refused; the others are not asked.
    """

    def __init__(
        self,
        members: Sequence[Member],
        context: OpenContext,
        *,
        open_timeout: float,
        rest: Callable[[], Rest],
    ) -> None:
        """Try ``members`` in this order; each is opened when it is first needed."""
        self._members = [_Tried(member, rest()) for member in members]
        self._context = context
        self._open_timeout = open_timeout
        # The whole chain has one delivery's time, so no member may use up that of the others.
        self._timeout = context.delivery_timeout / len(members)

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Deliver to the first member that is not resting and takes the batch."""
        failures: list[str] = []
        for member in self._in_turn():
            try:
                await self._deliver(member, batch)
            except TransientError as error:
                now = asyncio.get_running_loop().time()
                member.rest.begin(now, error.retry_after)
                failures.append(f"{member.name}: {error}")
            else:
                member.rest.end()
                return
        raise TransientError("; ".join(failures))

    def _in_turn(self) -> list[_Tried]:
        """Return the members that are not resting; all of them when none is awake."""
        now = asyncio.get_running_loop().time()
        awake = [member for member in self._members if member.rest.until <= now]
        return awake or self._members

    async def _deliver(self, member: _Tried, batch: Sequence[Record]) -> None:
        backplane = await self._open(member)
        name = f"experimentframework.{self._context.name}.{member.name}.deliver"
        try:
            await run_bounded(backplane.deliver(batch), name=name, timeout=self._timeout)
        except DeadlineExceededError as error:
            raise TransientError(f"delivery {error}") from error
        except TaskAbandonedError as error:
            held, member.held = member.held, None
            if held is not None:
                held.abandon()
            raise TransientError("the plugin ignored its cancellation") from error

    async def _open(self, member: _Tried) -> Backplane:
        if member.held is None:
            held = Held(member.opener(self._context), name=f"{self._context.name}.{member.name}")
            try:
                await held.enter(timeout=min(self._open_timeout, self._timeout))
            except TransientError:
                raise
            except Exception as error:
                raise TransientError(f"cannot be opened: {error}") from error
            member.held = held
        return member.held.value

    async def ping(self) -> None:
        """Return if any member answers."""
        failures: list[str] = []
        for member in self._members:
            try:
                backplane = await self._open(member)
                if isinstance(backplane, Pingable):
                    await backplane.ping()
            except Exception as error:  # noqa: BLE001 - the next member is asked
                failures.append(f"{member.name}: {error}")
            else:
                return
        raise TransientError("; ".join(failures))

    async def aclose(self) -> None:
        """Close every member that was opened."""
        for member in self._members:
            held, member.held = member.held, None
            if held is not None:
                await held.leave()


@asynccontextmanager
async def open_failover(
    members: Sequence[Member],
    context: OpenContext,
    *,
    open_timeout: float,
    retry_after: float,
    longest: float,
) -> AsyncIterator[Backplane]:
    """Open a failover over ``members``; times are in seconds."""
    backplane = FailoverBackplane(
        members,
        context,
        open_timeout=open_timeout,
        rest=lambda: Rest(retry_after, longest),
    )
    try:
        yield backplane
    finally:
        await backplane.aclose()
