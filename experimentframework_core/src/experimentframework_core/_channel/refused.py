"""Refused records on their way to the dead-letter store, or dropped if that is the policy."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from experimentframework_core._log import encodable, text_of
from experimentframework_core._tasks import run_bounded
from experimentframework_core.deadletter import DeadLetter, DeadLetterStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from experimentframework_core._channel.ledger import Ledger
    from experimentframework_core._log import Repeated
    from experimentframework_core._rules.batch import Item
    from experimentframework_core._rules.schedule import Refusal

MOST_PENDING = 10_000
"""How many unwritten dead letters of a lane are held; it delivers nothing more until they are."""

RETRY_AFTER = 1.0
"""Seconds after which a dead-letter store that failed is tried again."""


class PendingDeadLetters:
    """Writes dead letters; one that cannot be written stays buffered until it can.

    Attributes:
        error: Why the store could not be written last time; None when all is well.
        origin: Where the configuration comes from.
    """

    def __init__(
        self,
        name: str,
        store: DeadLetterStore | None,
        *,
        ledger: Ledger,
        timeout: float,
        warnings: Repeated,
        origin: str = "",
    ) -> None:
        """Write for the backplane ``name`` to ``store``; None drops what is refused."""
        self.error: Exception | None = None
        self.origin = origin
        self._name = name
        self._store = store
        self._ledger = ledger
        self._timeout = timeout
        self._warnings = warnings
        self._pending: defaultdict[int, list[tuple[Item, DeadLetter]]] = defaultdict(list)
        self._not_before = 0.0

    def redirect(self, store: DeadLetterStore | None) -> None:
        """Write to another store from now on; None drops, also what is not written yet."""
        self._store = store
        self._not_before = 0.0
        if store is None:
            self.error = None
            for lane, waiting in list(self._pending.items()):
                del self._pending[lane]
                for item, letter in waiting:
                    self._ledger.drop([item], letter.reason)

    def add(self, lane: int, refusals: Iterable[Refusal], now: float) -> None:
        """Take over records that the backplane refuses for ever."""
        for refusal in refusals:
            if self._store is None:
                self._ledger.drop([refusal.item], refusal.reason)
                self._warn(
                    "experimentframework.events_dropped", refusal.reason, text_of(refusal.error)
                )
            else:
                letter = _letter(self._name, self.origin, refusal, now)
                self._pending[lane].append((refusal.item, letter))

    def pending(self, lane: int) -> bool:
        """Return whether dead letters of that lane are not written yet."""
        return bool(self._pending.get(lane))

    def crowded(self, lane: int) -> bool:
        """Return whether so many of that lane are not written that no more should come."""
        return len(self._pending.get(lane, ())) >= MOST_PENDING

    def items(self, lane: int) -> Iterator[Item]:
        """Yield what is not written yet."""
        return (item for item, _ in self._pending.get(lane, ()))

    def leave(self, lane: int) -> list[Item]:
        """Return what could not be written when the lane has ended."""
        return [item for item, _ in self._pending.pop(lane, ())]

    async def write(self, lane: int, now: float) -> None:
        """Write what is pending, unless the store failed a moment ago."""
        if self._store is None or now < self._not_before or not self._pending.get(lane):
            return
        waiting = list(self._pending[lane])
        try:
            await run_bounded(
                self._store.write([letter for _, letter in waiting]),
                name=f"experimentframework.{self._name}.dead_letter",
                timeout=self._timeout,
            )
        except Exception as error:  # noqa: BLE001 - kept, said, tried again
            self.error = error
            self._not_before = asyncio.get_running_loop().time() + RETRY_AFTER
            self._warnings.warning(
                "experimentframework.dead_letter_failed",
                backplane=self._name,
                error=f"{type(error).__name__}: {text_of(error)}",
            )
            return
        self.error = None
        del self._pending[lane][: len(waiting)]
        self._ledger.dead_letter([item for item, _ in waiting])
        _, last = waiting[-1]
        self._warn("experimentframework.events_dead_lettered", last.reason, last.error)

    def _warn(self, event: str, reason: str, error: str) -> None:
        self._warnings.warning(event, backplane=self._name, reason=reason, error=error)


def _letter(backplane: str, origin: str, refusal: Refusal, now: float) -> DeadLetter:
    item = refusal.item
    failed_for = 0.0 if item.first_failed_at is None else now - item.first_failed_at
    last_at = datetime.now(UTC)
    return DeadLetter(
        event_id=item.record.event_id,
        backplane=backplane,
        event_type=item.record.event_type,
        experiment=item.record.experiment,
        body=item.record.body,
        reason=refusal.reason,
        error=text_of(refusal.error),
        error_class=type(refusal.error).__qualname__,
        traceback=None if refusal.details is None else encodable(refusal.details),
        attempts=item.offered,
        first_at=last_at - timedelta(seconds=failed_for),
        last_at=last_at,
        origin=origin,
    )
