"""Batches: when one is due, what goes into it, and which portion of it is tried next."""

from __future__ import annotations

from bisect import insort
from collections import deque
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._rules.buffer import NEVER, Queue
from experimentframework_core.envelope import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Item(msgspec.Struct):
    """A record on its way: taken out of its queue, not settled yet.

    Attributes:
        record: What is delivered.
        sequence: Its number in its queue, ascending.
        accepted_at: A time, on the channel's clock, by which it was accepted.
        offered: How often it was delivered without success.
        attempts: Refusals of this record while the destination answered.
        first_failed_at: When it first failed; None while it has not.
    """

    record: Record
    sequence: int
    accepted_at: float
    offered: int = 0
    attempts: int = 0
    first_failed_at: float | None = None


class BatchRule(msgspec.Struct, frozen=True):
    """A batch is due at ``size`` records, ``bytes`` of bodies, or ``interval`` seconds.

    ``crowd_size`` and ``crowd_bytes`` make it due earlier, where the buffer would be full before.
    """

    size: int
    bytes: int
    interval: float
    crowd_size: int = NEVER
    crowd_bytes: int = NEVER

    def due(self, queue: Queue, now: float) -> float | None:
        """Return when the queue's next batch is due (``now`` or earlier: at once), or None."""
        waiting = len(queue.records)
        if not waiting:
            return None
        if waiting >= min(self.size, self.crowd_size):
            return now
        if queue.bytes >= min(self.bytes, self.crowd_bytes):
            return now
        return queue.oldest(now) + self.interval

    def watch(self, queue: Queue) -> None:
        """Have the queue call ``on_due`` once a batch is due by count or bytes, or has a first."""
        if queue.records:
            queue.wake_events = min(self.size, self.crowd_size)
            queue.wake_bytes = min(self.bytes, self.crowd_bytes)
        else:
            queue.wake_events = 1
            queue.wake_bytes = NEVER

    def cut(self, queue: Queue, now: float) -> Worklist:
        """Take the next batch out of the queue; at least one record, however large."""
        return Worklist(*queue.cut(self.size, self.bytes, now))


class Worklist:
    """What of one batch is still to be delivered, and the search for records that are refused.

    A refused batch is halved from the front: while its front half is refused too, that half is
    halved; what is accepted is done. The first bad record of n is alone after log2(n) + 1
    deliveries, in order, and the rest is then tried as a whole again. Several bad records next
    to each other halve what is tried after each, so a batch of nothing but bad ones costs a few
    more deliveries than it has records.

    A batch that is delivered at once, as nearly all are, never becomes single `Item` objects.
    """

    def __init__(
        self,
        records: list[Record] | None = None,
        numbers: Sequence[int] | None = None,
        accepted_at: float = 0.0,
    ) -> None:
        """Begin with the whole batch as the first portion.

        Args:
            records: The batch, oldest first; None for nothing.
            numbers: The records' sequence numbers; None for 0, 1, 2 and so on.
            accepted_at: A time by which all of it was accepted.
        """
        self._fresh = records or []
        self._numbers = range(len(self._fresh)) if numbers is None else numbers
        self._accepted_at = accepted_at
        self._items: deque[Item] = deque()
        self._portion = len(self._fresh)
        self._suspects = 0
        self._streak = 0

    @classmethod
    def of(cls, items: Iterable[Item]) -> Worklist:
        """Return the worklist of records that were held before."""
        worklist = cls()
        worklist._items.extend(items)
        worklist._portion = len(worklist._items)
        return worklist

    def __len__(self) -> int:
        """How many records are not settled."""
        return len(self._fresh) or len(self._items)

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the records that are not settled, oldest first."""
        self._itemise()
        return iter(self._items)

    @property
    def first(self) -> tuple[int, float]:
        """The lowest sequence number that is not settled, and when that record was accepted."""
        if self._fresh:
            return self._numbers[0], self._accepted_at
        return self._items[0].sequence, self._items[0].accepted_at

    def _itemise(self) -> None:
        if self._fresh:
            numbered = zip(self._fresh, self._numbers, strict=True)
            self._items.extend(Item(each, number, self._accepted_at) for each, number in numbered)
            self._fresh = []

    def records(self) -> list[Record]:
        """Return what to deliver next: the same until it is `done` or `refused`."""
        return self._fresh or [item.record for item in self.portion()]

    def numbers(self) -> Sequence[int]:
        """Return the sequence numbers of the same."""
        return self._numbers if self._fresh else [item.sequence for item in self.portion()]

    def portion(self) -> list[Item]:
        """Return the same as `records`, each with its story."""
        self._itemise()
        return list(islice(self._items, self._portion))

    def done(self) -> None:
        """The portion is settled: delivered, or each failed record of it has its own fate."""
        if self._fresh:
            self._fresh = []
            return
        settled = min(self._portion, len(self._items))
        for _ in range(settled):
            self._items.popleft()
        self._streak = 0
        if self._suspects:
            self._suspects -= settled
        self._portion = max(1, self._suspects // 2) if self._suspects else len(self._items)

    def refused(self) -> Item | None:
        """The portion as such is refused: halve it, or return the one record it consists of."""
        self._itemise()
        tried = min(self._portion, len(self._items))
        if tried > 1:
            self._suspects = tried
            self._portion = tried // 2
            return None
        item = self._items.popleft()
        self._streak += 1
        self._suspects = 0
        self._portion = max(1, len(self._items) >> (self._streak - 1))
        return item

    def discard(self, unwanted: Iterable[Item]) -> None:
        """Take records out that have met another fate."""
        self._itemise()
        sequences = {item.sequence for item in unwanted}
        self._items = deque(item for item in self._items if item.sequence not in sequences)
        self._suspects = 0
        self._portion = len(self._items)


class Parking:
    """Records that wait for another attempt, with what follows them under the same key.

    A key that is refused for a while does not hold up the others, and keeps its own order.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._by_key: dict[str, list[Item]] = {}
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        """How many records wait here."""
        return sum(map(len, self._by_key.values()))

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the records that wait here, key by key."""
        for items in self._by_key.values():
            yield from items

    def __contains__(self, key: str) -> bool:
        """Whether records of that key wait here."""
        return key in self._by_key

    @property
    def until(self) -> float | None:
        """When the first of the keys may be tried again; None when nothing waits."""
        return min(self._until.values(), default=None)

    def park(self, key: str, item: Item, until: float) -> None:
        """Keep the record, and its key, until then."""
        self._until[key] = max(until, self._until.get(key, until))
        self.follow(key, item)

    def follow(self, key: str, item: Item) -> None:
        """Keep the record among those of its key that wait here, in its place."""
        insort(self._by_key.setdefault(key, []), item, key=_sequence)

    def leave(self, now: float, most: int, most_bytes: int) -> list[Item]:
        """Take out the oldest records whose time has come, in the order of acceptance.

        Args:
            now: The time.
            most: How many at most.
            most_bytes: How long their bodies are at most together, if there is more than one.
        """
        due = [key for key, until in self._until.items() if until <= now]
        leaving: list[Item] = []
        for item in sorted(chain.from_iterable(self._by_key[key] for key in due), key=_sequence):
            most_bytes -= len(item.record.body)
            if leaving and (len(leaving) >= most or most_bytes < 0):
                break
            leaving.append(item)
        self.discard(leaving)
        return leaving

    def discard(self, unwanted: Iterable[Item]) -> None:
        """Take records out that have met another fate."""
        sequences = {item.sequence for item in unwanted}
        for key, items in list(self._by_key.items()):
            kept = [item for item in items if item.sequence not in sequences]
            if kept:
                self._by_key[key] = kept
            else:
                del self._by_key[key], self._until[key]


def _sequence(item: Item) -> int:
    return item.sequence
