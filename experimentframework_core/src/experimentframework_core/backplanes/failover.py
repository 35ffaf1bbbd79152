"""The first of several backplanes that works, batch by batch; back to the first when it heals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core._tasks import (
    DeadlineExceededError,
    Held,
    TaskAbandonedError,
    run_bounded,
)
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)
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
        self.asked_until = 0.0

    def begin(self, now: float, at_least: float | None = None) -> None:
        """The member failed, and asked for ``at_least`` so many seconds."""
        self.asked_until = now + (at_least or 0.0)
        self.until = max(now + self._next, self.asked_until)
        self._next = min(self._next * 2, self._longest)

    def end(self) -> None:
        """The member works."""
        self.until = self.asked_until = 0.0
        self._next = self._shortest


class _Tried:
    """A member with what is known of it."""

    def __init__(self, member: Member, rest: Rest) -> None:
        self.name = member.name
        self.opener = member.opener
        self.rest = rest
        self.held: Held[Backplane] | None = None
        self.opening = asyncio.Lock()


class FailoverBackplane:
    """Delivers each batch to the first member that takes it.

    A member that fails transiently rests for a while and the next one is tried at once, so a
    batch may arrive at two members: the event id tells. What a member refuses for ever is
    refused; the others are not asked. When all of them rest, all are tried but those that asked
    for more time.
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
        # The whole chain has one delivery's time, so no member may use up that of the others.
        self._timeout = context.delivery_timeout / len(members)
        self._open_timeout = min(open_timeout, self._timeout)
        self._context = msgspec.structs.replace(context, delivery_timeout=self._timeout)

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Deliver to the first member that is not resting and takes the batch."""
        failures: dict[str, TransientError] = {}
        for member in self._in_turn():
            try:
                await self._deliver(member, batch)
            except TransientError as error:
                member.rest.begin(_now(), error.retry_after)
                failures[member.name] = error
            except (PermanentError, PartialBatchError):
                member.rest.end()
                raise
            else:
                member.rest.end()
                return
        raise self._all_failed(failures)

    def _in_turn(self) -> list[_Tried]:
        """Return the members that are not resting; when there are none, those that may be asked."""
        now = _now()
        awake = [member for member in self._members if member.rest.until <= now]
        if awake:
            return awake
        patient = [member for member in self._members if member.rest.asked_until <= now]
        if not patient:
            until = min(member.rest.asked_until for member in self._members)
            raise TransientError("every member asked for time", retry_after=until - now)
        return patient

    async def _deliver(self, member: _Tried, batch: Sequence[Record]) -> None:
        deadline = _now() + self._timeout
        backplane = await self._open(member)
        try:
            await self._call(member, "deliver", backplane.deliver(batch), deadline - _now())
        except TaskAbandonedError as error:
            held, member.held = member.held, None
            if held is not None:
                held.abandon()
            raise TransientError("the plugin ignored its cancellation") from error

    async def _call(
        self, member: _Tried, what: str, call: Coroutine[Any, Any, None], timeout: float
    ) -> None:
        name = f"experimentframework.{self._context.name}.{member.name}.{what}"
        try:
            await run_bounded(call, name=name, timeout=timeout)
        except DeadlineExceededError as error:
            raise TransientError(f"{what} {error}") from error

    async def _open(self, member: _Tried) -> Backplane:
        async with member.opening:
            if member.held is None:
                name = f"{self._context.name}.{member.name}"
                held = Held(partial(member.opener, self._context), name=name)
                try:
                    await held.enter(timeout=self._open_timeout)
                except TransientError:
                    raise
                except Exception as error:
                    raise TransientError(f"cannot be opened: {error}") from error
                member.held = held
            return member.held.value

    async def ping(self) -> None:
        """Return if any member answers."""
        failures: dict[str, TransientError] = {}
        for member in self._members:
            try:
                backplane = await self._open(member)
                if isinstance(backplane, Pingable):
                    await self._call(member, "ping", backplane.ping(), self._timeout)
            except Exception as error:  # noqa: BLE001 - the next member is asked
                failures[member.name] = _as_transient(error)
            else:
                return
        raise self._all_failed(failures)

    def _all_failed(self, failures: dict[str, TransientError]) -> TransientError:
        """Return one error for those of several members: unavailable if all members are."""
        message = "; ".join(f"{name}: {error}" for name, error in failures.items())
        unavailable = [e for e in failures.values() if isinstance(e, UnavailableError)]
        if len(unavailable) == len(self._members):
            return UnavailableError(message)
        return TransientError(message)

    async def aclose(self) -> None:
        """Close every member that was opened, side by side."""
        opened = [member.held for member in self._members if member.held is not None]
        for member in self._members:
            member.held = None
        results = await asyncio.gather(*(held.leave() for held in opened), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


def _now() -> float:
    return asyncio.get_running_loop().time()


def _as_transient(error: Exception) -> TransientError:
    return error if isinstance(error, TransientError) else TransientError(str(error))


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
