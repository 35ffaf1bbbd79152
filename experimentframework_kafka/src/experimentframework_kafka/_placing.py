"""Chooses partitions: by the key, as the Java client does, or one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_kafka._murmur2 import positive

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_KEYS = 16_384


class Placing:
    """Where messages go; remembers the hashes of keys, which are costly, and whose turn it is."""

    def __init__(self) -> None:
        """Begin with no hash known and the first partition of each topic."""
        self._hashes: dict[bytes, int] = {}
        self._turns: dict[str, int] = {}

    def of_key(self, key: bytes, partitions: int) -> int:
        """Return the partition of a key, of topics with so many partitions."""
        hashed = self._hashes.get(key)
        if hashed is None:
            if len(self._hashes) >= MOST_KEYS:
                self._hashes.clear()
            hashed = self._hashes[key] = positive(key)
        return hashed % partitions

    def next_of(self, topic: str, available: Sequence[int]) -> int:
        """Return the partition of a topic whose turn it is among those that are available."""
        turn = self._turns.get(topic, 0)
        self._turns[topic] = turn + 1
        return available[turn % len(available)]
