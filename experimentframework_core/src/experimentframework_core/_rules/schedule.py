"""What a lane does next: deliver which records, or wait until when. No clock, no task, no I/O."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._rules.batch import BatchRule, Item, Parking, Worklist
from experimentframework_core._rules.breaker import Breaker, BreakerState
from experimentframework_core._rules.buffer import NEVER
from experimentframework_core.envelope import Record
from experimentframework_core.errors import (
    PartialBatchError,
    PermanentError,
    TransientError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from experimentframework_core._rules.buffer import Queue
    from experimentframework_core._rules.retry import Backoff

TRIES_AFTER_PLUGIN_ERROR = 3


class Refusal(msgspec.Struct, frozen=True):
    """A record that will not be delivered, and why.

    Attributes:
        item: The record.
        reason: ``refused``, ``attempts`` (out of attempts) or ``plugin_error``.
        error: What the backplane said last.
        details: The traceback of a plugin's error; None otherwise.
    """

    item: Item
    reason: str
    error: BaseException
    details: str | None = None


class Settlement(msgspec.Struct):
    """What became of records of one delivery; what is in neither list is tried again.

    Attributes:
        delivered: What the destination has confirmed.
        numbers: The sequence numbers of the same.
        refused: What it will never take.
        retried: How many are tried again.
    """

    delivered: list[Record] = []
    numbers: Sequence[int] = ()
    refused: list[Refusal] = []
    retried: int = 0


class Deliver(msgspec.Struct, frozen=True):
    """Deliver these now."""

    records: list[Record]


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do before ``until``, a time on the channel's clock; None: until woken."""

    until: float | None = None


class Schedule:
    """One lane's rules: batching, retry, breaker, isolation of refused records, expiry.

    Attributes:
        hurry: Do not wait for a batch to fill: a flush or the closing is under way.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        rule: BatchRule,
        backoff: Backoff,
        breaker: Breaker,
        key: Callable[[Record], str],
        max_attempts: int | None = None,
        max_age: float | None = None,
        most_parked: int = NEVER,
    ) -> None:
        """Work on ``queue``; the breaker is shared with the channel's other lanes.

        With ``most_parked`` records waiting for another attempt, no others are taken.
        """
        self.hurry = False
        self._queue = queue
        self._rule = rule
        self._backoff = backoff
        self._breaker = breaker
        self._key = key
        self._max_attempts = max_attempts
        self._max_age = max_age
        self._most_parked = most_parked
        self._work = Worklist()
        self._parking = Parking()
        self._not_before = 0.0
        self._tries = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is queued, in work or waiting for another attempt."""
        return self._queue.empty and not (self._work or self._parking)

    @property
    def postpones(self) -> bool:
        """Whether records wait for another attempt while others are delivered."""
        return bool(self._parking)

    @property
    def postponed_until(self) -> float | None:
        """When those are tried again; None where others can be delivered before."""
        full = len(self._parking) >= self._most_parked
        return self._parking.until if not self._work and (full or self._queue.empty) else None

    @property
    def destination_down(self) -> bool:
        """Whether the breaker keeps deliveries back."""
        return self._breaker.state is not BreakerState.CLOSED

    @property
    def held(self) -> list[Item]:
        """The records that left the queue and are not settled."""
        return [*self._work, *self._parking]

    def leave(self) -> list[Item]:
        """Take out and return what left the queue and is not settled."""
        left = self.held
        self._work, self._parking = Worklist(), Parking()
        return left

    def take_over(self, items: Iterable[Item], now: float) -> None:
        """Begin with what another schedule of the same queue has left; it is tried at once."""
        for item in items:
            self._parking.park(self._key(item.record), item, now)

    @property
    def settled_below(self) -> int:
        """Every record with a lower sequence number is settled."""
        sequences = [item.sequence for item in self._parking]
        if self._work:
            sequences.append(self._work.first[0])
        return min(sequences, default=self._queue.taken)

    def oldest(self, now: float) -> float | None:
        """Return by when the oldest unsettled record was accepted; None when there is none."""
        times = [item.accepted_at for item in self._parking]
        if self._work:
            times.append(self._work.first[1])
        if self._queue.records:
            times.append(self._queue.oldest(now))
        return min(times, default=None)

    def next(self, now: float) -> Deliver | Wait:
        """Return what to do at ``now``. After a `Deliver`, call `succeeded` or `failed`."""
        self._queue.mark(now)
        self._queue.rest()
        if now < self._not_before:
            return Wait(self._not_before)
        while not self._work:
            due = self._due(now)
            if due is None or due > now:
                self._rule.watch(self._queue)
                return Wait(due)
            if not self._ready(now):
                return Wait(self._breaker.retry_at)
            self._work = self._gather(now)
        if not self._breaker.admits(now):
            return Wait(self._breaker.retry_at)
        return Deliver(self._work.records())

    def _ready(self, now: float) -> bool:
        return self._breaker.state is BreakerState.CLOSED or now >= self._breaker.retry_at

    def held_back(self, now: float) -> bool:
        """Return whether nothing is delivered for a while: all of the last portion failed."""
        return now < self._not_before

    def may_open(self, now: float) -> bool:
        """Return whether the backplane may be opened now; if so call `opened` or `unreachable`."""
        return now >= self._not_before and self._breaker.admits(now)

    def try_now(self) -> None:
        """Do not wait for the next attempt, nor for the breaker's probe: the closing has begun."""
        self._not_before = 0.0
        self._breaker.probe_now()

    def opened(self) -> None:
        """The backplane is open: the destination answers."""
        self._breaker.succeeded()

    def _due(self, now: float) -> float | None:
        full = len(self._parking) >= self._most_parked
        due = None if full else self._rule.due(self._queue, now)
        if due is not None and self.hurry:
            due = now
        parked = self._parking.until
        return min((time for time in (due, parked) if time is not None), default=None)

    def _gather(self, now: float) -> Worklist:
        if not self._parking:
            return self._rule.cut(self._queue, now)
        if parked := self._parking.leave(now, self._rule.size, self._rule.bytes):
            return Worklist.of(parked)
        cut = list(self._rule.cut(self._queue, now))
        return Worklist.of(item for item in cut if not self._follows(item))

    def _follows(self, item: Item) -> bool:
        """Keep the record behind the parked ones of its key; False when there are none."""
        key = self._key(item.record)
        if key not in self._parking:
            return False
        self._parking.follow(key, item)
        return True

    def expire(self, now: float) -> list[Item]:
        """Take out and return what is older than ``max_age`` seconds."""
        if self._max_age is None:
            return []
        horizon = now - self._max_age
        old = [item for item in self.held if item.accepted_at <= horizon]
        if old:
            self._work.discard(old)
            self._parking.discard(old)
        while self._queue.records:
            accepted_at = self._queue.oldest(now)
            if accepted_at > horizon:
                break
            old.append(Item(*self._queue.pop(), accepted_at))
        return old

    def succeeded(self) -> Settlement:
        """The last portion is delivered."""
        settlement = Settlement(self._work.records(), self._work.numbers())
        self._answered()
        self._work.done()
        return settlement

    def failed(self, error: BaseException, now: float) -> Settlement:
        """The last portion ended with ``error``; `next` says when it is tried again."""
        items = self._work.portion()
        for item in items:
            item.offered += 1
            item.first_failed_at = now if item.first_failed_at is None else item.first_failed_at
        if isinstance(error, PartialBatchError) and _is_sound(error, len(items)):
            return self._partly_failed(items, error, now)
        if isinstance(error, TransientError):
            self.unreachable(error, now)
            return Settlement(retried=len(items))
        if isinstance(error, PermanentError):
            return self._refused(error, "refused", None)
        return self._broken(items, error, now)

    def unreachable(self, error: TransientError, now: float) -> None:
        """The destination did not answer, or refuses us: leave it alone for a while."""
        self._breaker.failed(now)
        wait = self._backoff.longest if isinstance(error, UnavailableError) else self._backoff.next
        self._not_before = now + wait(at_least=error.retry_after)

    def _answered(self) -> None:
        self._breaker.succeeded()
        self._backoff.reset()
        self._tries = 0

    def _partly_failed(self, items: list[Item], error: PartialBatchError, now: float) -> Settlement:
        self._answered()
        settlement = Settlement()
        numbers: list[int] = []
        settlement.numbers = numbers
        postponed: list[tuple[Item, TransientError]] = []
        for index, item in enumerate(items):
            failure = error.failures.get(index)
            if failure is None:
                settlement.delivered.append(item.record)
                numbers.append(item.sequence)
            elif isinstance(failure, PermanentError):
                item.attempts += 1
                settlement.refused.append(Refusal(item, "refused", failure))
            else:
                postponed.append((item, failure))
        self._count_attempts(postponed)
        until = now + self._delay(postponed)
        self._work.done()
        for item, transient in postponed:
            if self._max_attempts is not None and item.attempts >= self._max_attempts:
                settlement.refused.append(Refusal(item, "attempts", transient))
            else:
                settlement.retried += 1
                self._parking.park(self._key(item.record), item, until)
        followers = [item for item in self._work if self._follows(item)]
        if followers:
            self._work.discard(followers)
        return settlement

    def _count_attempts(self, postponed: Sequence[tuple[Item, TransientError]]) -> None:
        """Count the first failure of each key: what follows it may not even have been sent."""
        seen: set[str] = set()
        for item, failure in postponed:
            key = self._key(item.record)
            if key not in seen and not isinstance(failure, UnavailableError):
                item.attempts += 1
            seen.add(key)

    def _delay(self, postponed: Sequence[tuple[Item, TransientError]]) -> float:
        """Return the seconds until all of them are tried again, together."""
        if not postponed:
            return 0.0
        waits = [failure.retry_after or 0.0 for _, failure in postponed]
        if any(isinstance(failure, UnavailableError) for _, failure in postponed):
            return self._backoff.longest(at_least=max(waits))
        attempts = max(item.attempts for item, _ in postponed)
        return self._backoff.after(attempts, at_least=max(waits))

    def _refused(self, error: BaseException, reason: str, details: str | None) -> Settlement:
        self._answered()
        item = self._work.refused()
        if item is None:
            return Settlement(retried=len(self._work.portion()))
        item.attempts += 1
        return Settlement(refused=[Refusal(item, reason, error, details)])

    def _broken(self, items: Sequence[Item], error: BaseException, now: float) -> Settlement:
        self._tries += 1
        if self._tries < TRIES_AFTER_PLUGIN_ERROR:
            self._not_before = now + self._backoff.next()
            return Settlement(retried=len(items))
        details = "".join(traceback.format_exception(error))
        if len(items) > 1:
            # Halving goes on at once; only a single record gets all tries again.
            settlement = self._refused(error, "plugin_error", details)
            self._tries = TRIES_AFTER_PLUGIN_ERROR - 1 if len(self._work.portion()) > 1 else 0
            return settlement
        return self._refused(error, "plugin_error", details)


def _is_sound(error: PartialBatchError, size: int) -> bool:
    """Whether the error names at least one index of the batch, each with a fitting reason."""
    return bool(error.failures) and all(
        isinstance(index, int)
        and 0 <= index < size
        and isinstance(failure, TransientError | PermanentError)
        for index, failure in error.failures.items()
    )
