"""Chooses partitions: by the key, as the Java client does, or one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_kafka._murmur2 import positive_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_KEYS = 16_384


class Placing:
    """Where messages go; remembers the hashes of keys, which are costly, and whose turn it is."""

    def __init__(self) -> None:
        """Begin with no hash known and the first partition of each topic."""
        self._hashes: dict[str, int] = {}
        self._turns: dict[str, int] = {}

    def of_keys(self, keys: Sequence[str], partitions: int) -> list[int]:
        """Return the partition of each key, of a topic with so many partitions."""
        hashes = self._hashes
        if new := {key for key in keys if key not in hashes}:
            if len(hashes) + len(new) > MOST_KEYS:
                hashes.clear()
                new = set(keys)
            hashes |= positive_hashes(new)
        return [hashes[key] % partitions for key in keys]

    def next_of(self, topic: str, available: Sequence[int]) -> int:
        """Return the partition of a topic whose turn it is among those that are available."""
        turn = self._turns.get(topic, 0)
        self._turns[topic] = turn + 1
        return available[turn % len(available)]
