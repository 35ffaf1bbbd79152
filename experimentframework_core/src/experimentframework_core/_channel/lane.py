"""One instance of a backplane and the task that keeps it supplied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from experimentframework_core._log import Repeated, brief, logger
from experimentframework_core._rules.batch import Item, Worklist
from experimentframework_core._rules.buffer import NEVER
from experimentframework_core._rules.schedule import Deliver, Schedule, Settlement
from experimentframework_core._tasks import (
    LAST_GRACE,
    DeadlineExceededError,
    Held,
    Sleep,
    TaskAbandonedError,
    run_bounded,
)
from experimentframework_core.errors import (
    DeliveryError,
    PartialBatchError,
    PluginError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.plugin import Backplane, OpenContext, Pingable

if TYPE_CHECKING:
    from experimentframework_core._channel.ledger import Ledger
    from experimentframework_core._channel.refused import PendingDeadLetters
    from experimentframework_core._metrics.deliveries import Outcome
    from experimentframework_core._rules.buffer import Queue
    from experimentframework_core.envelope import Record

LONGEST_SLEEP = 1.0
"""Seconds after which a lane with waiting events looks again, to see them age."""

CLOSE_TIMEOUT = 5.0
"""Seconds that a backplane has to close while its plane goes on."""

Opener = Callable[[OpenContext], AbstractAsyncContextManager[Backplane]]

OnDelivery: TypeAlias = "Callable[[int, float, Outcome], None]"
"""Called after each delivery with its size, its seconds and what became of it."""


class Lane:
    """Opens a backplane, delivers its queue batch by batch, and says how it fares.

    Attributes:
        error: What went wrong last and is not mended yet; None when all is well.
        delivered_at: When a delivery last succeeded, on the loop's clock; None before.
        abandoned: How many calls of the plugin ignored their cancellation.
        on_delivery: Called after each delivery, for who measures; it must not raise.
    """

    def __init__(
        self,
        context: OpenContext,
        *,
        opener: Opener,
        open_timeout: float,
        queue: Queue,
        schedule: Schedule,
        ledger: Ledger,
        letters: PendingDeadLetters,
        warnings: Repeated,
    ) -> None:
        """Hold the parts; `run` is the lane's task."""
        self.error: BaseException | None = None
        self.delivered_at: float | None = None
        self.abandoned = 0
        self.close_by: float | None = None
        self.on_delivery: OnDelivery | None = None
        self._context = context
        self._opener = opener
        self._open_timeout = open_timeout
        self._queue = queue
        self._schedule = schedule
        self._ledger = ledger
        self._letters = letters
        self._warnings = warnings
        self._held: Held[Backplane] | None = None
        self._backplane: Backplane | None = None
        self._stopping = self._leaving = False
        self._rest = Sleep()
        self._fences: list[tuple[int, asyncio.Future[None]]] = []
        queue.on_due = self.wake

    @property
    def name(self) -> str:
        """The name of the lane and of its task."""
        return f"experimentframework.{self._context.name}.{self._context.lane}"

    @property
    def is_open(self) -> bool:
        """Whether the backplane is open."""
        return self._backplane is not None

    @property
    def settled_below(self) -> int:
        """Every record with a lower sequence number is settled, and its dead letter written."""
        letters = self._letters.items(self._context.lane)
        return min([self._schedule.settled_below, *(item.sequence for item in letters)])

    def wake(self) -> None:
        """Have the lane look at its queue now."""
        self._rest.wake()

    def stop(self, close_by: float) -> None:
        """Have the lane deliver all that is queued and end, closing its backplane by then."""
        self._stopping = True
        self._schedule.hurry = True
        if self._queue.confirm is None:
            self._schedule.try_now()
        self.close_by = close_by
        self.wake()

    def leave_off(self, close_by: float) -> None:
        """Have the lane end between two deliveries, whatever is left, for another to go on."""
        self._leaving = True
        self.close_by = close_by
        self.wake()

    def hand_over(self) -> tuple[list[Item], list[tuple[int, asyncio.Future[None]]]]:
        """Give up, when the lane has ended, what left the queue unsettled, and the fences."""
        fences, self._fences = self._fences, []
        return sorted(self._schedule.leave(), key=attrgetter("sequence")), fences

    def take_over(self, other: Lane) -> None:
        """Go on with the queue of a lane that has ended."""
        items, self._fences = other.hand_over()
        self.on_delivery = other.on_delivery
        self._schedule.take_over(items, asyncio.get_running_loop().time())

    def fence(self) -> tuple[int, asyncio.Future[None]]:
        """Return how many records were ever queued, and a future that ends when all are settled."""
        fence = self._queue.appended, asyncio.get_running_loop().create_future()
        self._fences.append(fence)
        self._release_fences()
        self.wake()
        return fence

    def oldest(self, now: float, *, mark: bool) -> float | None:
        """Return by when the oldest unsettled record was accepted; None when there is none.

        With ``mark``, which is for the loop's thread, note that all were accepted by ``now``.
        """
        if mark:
            self._queue.mark(now)
        return self._schedule.oldest(now)

    def leave(self) -> list[Item]:
        """Give up what is unsettled when the lane has ended, and return it."""
        now = asyncio.get_running_loop().time()
        left = self._schedule.leave()
        if self._queue.records:
            left += Worklist(*self._queue.cut(NEVER, NEVER, now))
        left += self._letters.leave(self._context.lane)
        self._release_fences()
        return left

    def held(self) -> Iterator[Item]:
        """Yield what left the queue and is not settled."""
        yield from self._schedule.held
        yield from self._letters.items(self._context.lane)

    def unsettled(self, below: int) -> int:
        """Return how many records with a lower sequence number are not settled."""
        queued = self._queue.waiting(below)
        return queued + sum(item.sequence < below for item in self.held())

    async def run(self) -> None:
        """Work until `stop` and all is settled, or until cancelled."""
        try:
            while not self._finished():
                try:
                    await self._step()
                except Exception as error:  # noqa: BLE001 - the loop's edge: go on, say so
                    self._stumble(error)
        finally:
            await self._close()

    def _finished(self) -> bool:
        if self._leaving:
            return True
        if not self._stopping:
            return False
        return self._all_settled or (self._queue.confirm is not None and self._is_in_vain)

    @property
    def _is_in_vain(self) -> bool:
        """Whether the destination is down, refuses us, or what is left is tried again too late."""
        if self._schedule.destination_down:
            return True
        now = asyncio.get_running_loop().time()
        if isinstance(self.error, UnavailableError) and self._schedule.held_back(now):
            return True
        postponed = self._schedule.postponed_until
        return postponed is not None and self.close_by is not None and postponed > self.close_by

    @property
    def _all_settled(self) -> bool:
        return self._schedule.idle and not self._letters.pending(self._context.lane)

    def _stumble(self, error: Exception) -> None:
        now = asyncio.get_running_loop().time()
        self._unreachable(_as_transient(error), now, "experimentframework.lane_failed")

    async def _step(self) -> None:
        now = asyncio.get_running_loop().time()
        if expired := self._schedule.expire(now):
            self._ledger.expire(expired)
        await self._letters.write(self._context.lane, now)
        self._release_fences()
        if self._finished():
            return
        if self._backplane is None and self._schedule.may_open(now):
            await self._open()
            return  # What happened meanwhile, a stop perhaps, is looked at first.
        action = self._schedule.next(now)
        if self._letters.crowded(self._context.lane):
            await self._sleep(None, now)
        elif self._backplane is not None and isinstance(action, Deliver):
            if self._queue.confirm is not None:
                await self._queue.confirm()
            await self._deliver(self._backplane, action.records)
        else:
            await self._sleep(getattr(action, "until", None), now)

    async def _sleep(self, until: float | None, now: float) -> None:
        if not (self._all_settled and self.is_open):
            until = now + LONGEST_SLEEP if until is None else min(until, now + LONGEST_SLEEP)
        await self._rest.once(until)

    async def _open(self) -> None:
        try:
            name = f"{self._context.name}.{self._context.lane}.backplane"
            held = Held(partial(self._opener, self._context), name=name)
            await held.enter(timeout=self._open_timeout)
            if not isinstance(held.value, Backplane):
                await held.leave(timeout=CLOSE_TIMEOUT)
                raise PluginError(_not_a_backplane(held.value), plugin=self._context.name)  # noqa: TRY301 - reported like the others
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises: try again later
            now = asyncio.get_running_loop().time()
            self._unreachable(_as_transient(error), now, "experimentframework.open_failed")
        else:
            self._held, self._backplane = held, held.value
            self._schedule.opened()
            self.error = None
            logger.debug("experimentframework.backplane_opened", backplane=self._context.name)

    def _unreachable(self, error: TransientError, now: float, event: str) -> None:
        self.error = error
        self._schedule.unreachable(error, now)
        self._warnings.warning(event, backplane=self._context.name, error=brief(error))

    async def _deliver(self, backplane: Backplane, records: Sequence[Record]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        abandoned = False
        self._ledger.batches += 1
        try:
            await run_bounded(
                _call(backplane, tuple(records)),
                name=f"{self.name}.deliver",
                timeout=self._context.delivery_timeout,
            )
        except TaskAbandonedError:
            abandoned = True
            message = "the plugin ignored its cancellation; it is opened anew"
            settlement = self._failed(TransientError(message), loop.time())
        except DeadlineExceededError as error:
            message = f"delivery {error}"
            settlement = self._failed(TransientError(message), loop.time())
        except Exception as error:  # noqa: BLE001 - the schedule decides what it means
            settlement = self._failed(error, loop.time())
        else:
            if not self._schedule.postpones:
                self.error = None
            settlement = self._schedule.succeeded()
        if self.on_delivery is not None:
            took = loop.time() - started
            self.on_delivery(len(records), took, _outcome(settlement, len(records)))
        self._settle(settlement)
        if abandoned:
            self.abandoned += 1
            await self._close()

    def _failed(self, error: Exception, now: float) -> Settlement:
        settlement = self._schedule.failed(error, now)
        if settlement.retried:
            self.error = _telling(error)
        elif not self._schedule.postpones:
            self.error = None
        self._warnings.warning(
            "experimentframework.delivery_failed",
            backplane=self._context.name,
            error=brief(error),
        )
        return settlement

    def _settle(self, settlement: Settlement) -> None:
        self._ledger.retried += settlement.retried
        self._ledger.deliver(settlement.delivered, settlement.numbers)
        now = asyncio.get_running_loop().time()
        if settlement.delivered:
            self.delivered_at = now
        if settlement.refused:
            self._letters.add(self._context.lane, settlement.refused, now)
        self._release_fences()

    def _release_fences(self) -> None:
        if not self._fences:
            return
        below = self.settled_below
        waiting = []
        for sequence, future in self._fences:
            if sequence > below:
                waiting.append((sequence, future))
            elif not future.done():
                future.set_result(None)
        self._fences = [fence for fence in waiting if not fence[1].done()]
        self._schedule.hurry = self._stopping or bool(self._fences)

    async def ping(self) -> None:
        """Return if the destination answers; raise DeliveryError if it is known not to."""
        if self._backplane is None:
            raise _as_transient(self.error or TransientError("not open yet"))
        if not isinstance(self._backplane, Pingable):
            return
        timeout = self._context.delivery_timeout
        try:
            await run_bounded(self._backplane.ping(), name=f"{self.name}.ping", timeout=timeout)
        except DeliveryError:
            raise
        except Exception as error:
            raise _as_transient(error) from error

    async def _close(self) -> None:
        held, self._held, self._backplane = self._held, None, None
        if held is None:
            return
        now = asyncio.get_running_loop().time()
        timeout = CLOSE_TIMEOUT
        if self.close_by is not None:
            # A little earlier than whoever waits for the lane gives up: time to say what hung.
            timeout = max(self.close_by - now - LAST_GRACE, LAST_GRACE)
        try:
            await held.leave(timeout=timeout)
        except Exception as error:  # noqa: BLE001 - it is closed as far as we are concerned
            self._warnings.warning(
                "experimentframework.close_failed",
                backplane=self._context.name,
                error=brief(error),
            )


async def _call(backplane: Backplane, records: Sequence[Record]) -> None:
    """Deliver; what a plugin raises before its first await is raised in the task as well."""
    await backplane.deliver(records)


def _outcome(settlement: Settlement, size: int) -> Outcome:
    delivered = len(settlement.delivered)
    if delivered == size:
        return "delivered"
    return "partial" if delivered else "failed"


def _not_a_backplane(value: object) -> str:
    return f"the plugin's open gave {value!r}, which has no deliver()"


def _as_transient(error: BaseException) -> TransientError:
    if isinstance(error, TransientError):
        return error
    failure = TransientError(brief(error))
    failure.__cause__ = error
    return failure


def _telling(error: Exception) -> Exception:
    """Return the failure that tells most: of a partial one, what hinders the destination."""
    failures = error.failures.values() if isinstance(error, PartialBatchError) else ()
    for kind in (UnavailableError, TransientError):
        for failure in failures:
            if isinstance(failure, kind):
                return failure
    return error
