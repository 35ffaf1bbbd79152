"""Publishes dead letters again, each to its own backplane, and removes what is delivered."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING

from experimentframework_core._channel.borrowed import close_borrowing
from experimentframework_core._channel.channel import flush_all
from experimentframework_core._requeue.way import Fates, Taken, Way
from experimentframework_core.codec import decode_record
from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.backplanes.composite import Destination
    from experimentframework_core.deadletter import DeadLetter, LetterFilter, ReadableLetters
    from experimentframework_core.envelope import Record

REMOVE_AT_ONCE = 500
"""Delivered letters that are gathered before they are removed: what a kill repeats, beside what
is on its way."""


class Requeue:
    """Publishes letters again to the backplanes that did not take them.

    A letter is removed from its store after it is delivered, so the end of this process at any
    moment repeats some events, with the same ids, and loses none.

    Attributes:
        unknown: Letters of backplanes that are not there, by name; they stay in their store.
        unreadable: Letters that hold no event, by backplane; they stay in their store.
    """

    def __init__(self, destinations: Sequence[Destination], *, to: str | None = None) -> None:
        """Publish to ``destinations``; nothing is opened before the first letter.

        Args:
            destinations: The backplanes of the configuration.
            to: The name of the one that gets all letters; None: each its own.
        """
        self.unknown: Counter[str] = Counter()
        self.unreadable: Counter[str] = Counter()
        self._destinations = {each.config.name: each for each in destinations}
        self._to = to
        self._ways: dict[str, Way] = {}

    @property
    def fates(self) -> dict[str, Fates]:
        """What became of the letters so far, by the backplane's name."""
        return {name: way.fates for name, way in self._ways.items()}

    def troubles(self) -> Iterator[str]:
        """Yield what hinders the deliveries now."""
        for name, way in self._ways.items():
            health = way.channel.health()
            if health.status == "unhealthy" or health.diagnostics["last_error"] is not None:
                yield f"{name}: {health.description}"

    async def take(self, store: ReadableLetters, chosen: LetterFilter) -> None:
        """Publish the chosen letters of ``store``; return when the last one is handed over.

        Raises:
            DeliveryError: The store cannot be read, or a delivered letter not be removed.
        """
        async with aclosing(store.select(chosen)) as letters:
            async for letter in letters:
                await self._publish(Taken(store, letter))

    async def _publish(self, taken: Taken) -> None:
        letter = taken.letter.letter
        name = self._to or letter.backplane
        way = self._way(name)
        record = _record(letter)
        if way is None:
            self.unknown[name] += 1
        elif record is None:
            self.unreadable[name] += 1
        else:
            await way.publish(taken, record)
            await way.remove(REMOVE_AT_ONCE)

    def _way(self, name: str) -> Way | None:
        if name not in self._ways and name in self._destinations:
            self._ways[name] = Way(self._destinations[name])
        return self._ways.get(name)

    @property
    def bytes(self) -> int:
        """How many bytes of events were delivered so far."""
        return sum(way.bytes for way in self._ways.values())

    async def settle(self, timeout: float) -> None:
        """Wait for what is on its way, at most ``timeout`` seconds, and remove what is delivered.

        Raises:
            DeliveryError: As in `aclose`.
        """
        await flush_all([way.channel for way in self._ways.values()], timeout)
        await self._remove()

    async def aclose(self, timeout: float) -> None:
        """Deliver what is on its way for at most ``timeout`` seconds, and remove what was.

        Raises:
            DeliveryError: A delivered letter cannot be removed; it is published again next time.
        """
        await close_borrowing([way.channel for way in self._ways.values()], timeout)
        await self._remove()

    async def _remove(self) -> None:
        await asyncio.sleep(0)  # the last acknowledgements are told
        for way in self._ways.values():
            await way.remove()


def _record(letter: DeadLetter) -> Record | None:
    """Return the letter's event with its bytes as they are; None where they are no event."""
    try:
        record = decode_record(letter.body)
    except InvalidEventError:
        return None
    return record if record.body == letter.body else None
