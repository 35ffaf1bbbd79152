"""The way of dead letters to one backplane: a channel, and the letters that are in it."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_core._channel.borrowed import borrowing
from experimentframework_core._channel.channel import Channel

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from experimentframework_core.backplanes.composite import Destination
    from experimentframework_core.config import ChannelConfig
    from experimentframework_core.deadletter import (
        DeadLetter,
        ReadableLetters,
        StoredLetter,
    )
    from experimentframework_core.envelope import Record

_NEVER_GIVE_UP_MS = 1_000_000_000


class Fates(msgspec.Struct):
    """What became of the letters of one backplane; the first is the sum of the others.

    Attributes:
        recovered: Taken from a store and published again.
        delivered: Confirmed by the backplane, and removed from the store.
        refused: Refused again, and kept with the new story.
        left: Not delivered; in the store as they were.
    """

    recovered: int = 0
    delivered: int = 0
    refused: int = 0
    left: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether every letter has one fate."""
        return self.recovered == self.delivered + self.refused + self.left


class Taken(NamedTuple):
    """A letter that was taken from its store, where it still is."""

    store: ReadableLetters
    letter: StoredLetter


class _Returns:
    """The dead-letter store of a requeuing channel: what is refused again goes where it was."""

    location = "the store that it came from"

    def __init__(self) -> None:
        self.taken: defaultdict[str, list[Taken]] = defaultdict(list)
        self.returned: set[str] = set()

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Write each letter's new story to the store that it came from."""
        stories: defaultdict[ReadableLetters, list[DeadLetter]] = defaultdict(list)
        for letter in letters:
            for store, stored in self.taken.get(letter.event_id, ()):
                stories[store].append(_continued(stored.letter, letter))
        for store, continued in stories.items():
            await store.write(continued)
        self.returned.update(letter.event_id for letter in letters)

    async def aclose(self) -> None:
        """Do nothing: whoever opened the stores closes them."""


class Way:
    """The channel to one backplane, and the letters that are in it."""

    def __init__(self, destination: Destination) -> None:
        self.fates = Fates()
        self.bytes = 0
        self.delivered: defaultdict[ReadableLetters, list[int]] = defaultdict(list)
        self._returns = _Returns()
        self.channel = Channel(
            _settings(destination.config),
            opener=destination.opener,
            key=destination.key,
            dead_letters=self._returns,
        )
        self.channel.start()

    async def publish(self, taken: Taken, record: Record) -> None:
        """Hand the letter's event over, waiting for room."""
        event_id = record.event_id
        self._returns.taken[event_id].append(taken)
        ack = self.channel.ack(event_id)
        try:
            if not self.channel.offer(record):
                await self.channel.room.put(record)
        except BaseException:
            ack.cancel()
            self._forget(event_id, taken)
            raise
        self.fates.recovered += 1
        ack.add_done_callback(partial(self._settle, event_id, taken))

    def _settle(self, event_id: str, taken: Taken, ack: asyncio.Future[None]) -> None:
        self._forget(event_id, taken)
        if not ack.cancelled() and ack.exception() is None:
            self.fates.delivered += 1
            self.bytes += len(taken.letter.letter.body)
            self.delivered[taken.store].append(taken.letter.position)
        elif event_id in self._returns.returned:
            self.fates.refused += 1
        else:
            self.fates.left += 1

    def _forget(self, event_id: str, taken: Taken) -> None:
        letters = self._returns.taken[event_id]
        letters.remove(taken)
        if not letters:
            del self._returns.taken[event_id]

    async def remove(self, at_least: int = 1) -> None:
        """Remove the letters that are delivered from their stores."""
        for store, delivered in self.delivered.items():
            if len(delivered) >= at_least:
                positions = list(delivered)
                await store.remove(positions)
                del delivered[: len(positions)]


def _settings(config: ChannelConfig) -> ChannelConfig:
    return msgspec.structs.replace(
        borrowing(config, block_timeout_ms=_NEVER_GIVE_UP_MS), events=None, on_failure="deadLetter"
    )


def _continued(before: DeadLetter, again: DeadLetter) -> DeadLetter:
    return msgspec.structs.replace(
        again,
        backplane=before.backplane,
        origin=before.origin,
        attempts=before.attempts + again.attempts,
        first_at=before.first_at,
    )
