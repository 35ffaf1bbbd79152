"""Waiting for the acknowledgements of one event from all, or any, of its channels."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from experimentframework_core.errors import AckTimeoutError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.status import Ack

Acknowledgement: TypeAlias = "asyncio.Future[None]"


FEW = 1000
"""With how many watched acknowledgements it is first looked which have ended."""


class _Watched(msgspec.Struct, gc=False):
    """An acknowledgement with its deadline; the garbage collector is spared it."""

    until: float
    ack: Acknowledgement
    event_id: str


class Deadlines:
    """Ends acknowledgements that do not come in time, with one timer for all of them."""

    def __init__(self, level: Ack, timeout: float) -> None:
        """End acknowledgements of ``level`` after ``timeout`` seconds."""
        self._level = level
        self._timeout = timeout
        self._watched: deque[_Watched] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._enough = FEW

    def watch(self, ack: Acknowledgement, event_id: str) -> None:
        """End ``ack`` with an `AckTimeoutError`, unless it ends before."""
        watched = self._watched
        while watched and watched[0].ack.done():
            watched.popleft()
        if len(watched) >= self._enough:
            self._forget_ended()
        loop = ack.get_loop()
        watched.append(_Watched(loop.time() + self._timeout, ack, event_id))
        if self._timer is None:
            self._timer = loop.call_later(self._timeout, self._look)

    def _forget_ended(self) -> None:
        """Keep no more than half of what is watched ended: one that waits long heads the rest."""
        self._watched = deque(each for each in self._watched if not each.ack.done())
        self._enough = max(FEW, 2 * len(self._watched))

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        watched = self._watched
        while watched and (watched[0].until <= loop.time() or watched[0].ack.done()):
            late = watched.popleft()
            if not late.ack.done():
                late.ack.set_exception(self._late(late.event_id))
        self._timer = loop.call_at(watched[0].until, self._look) if watched else None

    def _late(self, event_id: str) -> AckTimeoutError:
        message = f"event {event_id}: not {self._level} within {self._timeout:g} s; it stays queued"
        return AckTimeoutError(message, event_id=event_id)


async def gather_acks(acks: Sequence[Acknowledgement], *, need_all: bool) -> None:
    """Return once all (or any, without ``need_all``) of the acknowledgements are there.

    Raises:
        DeliveryError: One of them failed; or, when any would do, all of them.
        AckTimeoutError: They did not come in time.
    """
    pending = set(acks)
    wanted = len(acks) if need_all else 1
    reached = 0
    while reached < wanted:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        failures = [failure for ack in done if (failure := ack.exception())]
        reached += len(done) - len(failures)
        if failures and (need_all or not (pending or reached)):
            raise failures[0]
