"""The hash by which Kafka's own clients choose a partition, of many keys at once.

It is MurmurHash2 as ``org.apache.kafka.common.utils.Utils`` has it. One integer holds a state for
each key of one length, in lanes of 64 bits: two factors of 32 bits never overflow into the next.
"""

from __future__ import annotations

from struct import unpack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_32_BITS = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF
_LANE = 8


def positive_hashes(keys: Iterable[str]) -> dict[str, int]:
    """Return the hash of each key without its sign: what is divided by the number of partitions."""
    by_length: dict[int, dict[str, bytes]] = {}
    for key in keys:
        data = key.encode()
        by_length.setdefault(len(data), {})[key] = data
    found: dict[str, int] = {}
    for length, group in by_length.items():
        hashes = _hashes(b"".join(group.values()), length, len(group))
        found.update(zip(group, hashes, strict=True))
    return found


def _hashes(data: bytes, length: int, number: int) -> tuple[int, ...]:
    """Return the hashes of so many keys of one length, which follow each other in ``data``."""
    ones = int.from_bytes((b"\1" + bytes(_LANE - 1)) * number, "little")
    bits = ones * _32_BITS
    hashed = ones * (_SEED ^ length)
    rest = length % 4
    for start in range(0, length - rest, 4):
        mixed = _lanes(data, start, 4, length) * _MIX & bits
        mixed = (mixed ^ mixed >> 24 & bits) * _MIX & bits
        hashed = hashed * _MIX & bits ^ mixed
    if rest:
        hashed = (hashed ^ _lanes(data, length - rest, rest, length)) * _MIX & bits
    hashed = (hashed ^ hashed >> 13 & bits) * _MIX & bits
    hashed = (hashed ^ hashed >> 15) & ones * _POSITIVE
    return unpack(f"<{number}Q", hashed.to_bytes(number * _LANE, "little"))


def _lanes(data: bytes, start: int, size: int, length: int) -> int:
    """Return the ``size`` bytes of each key that begin at its byte ``start``, a lane for each."""
    lanes = bytearray(len(data) // length * _LANE)
    for byte in range(size):
        lanes[byte::_LANE] = data[start + byte :: length]
    return int.from_bytes(lanes, "little")
