"""The hash by which Kafka's own clients choose a partition."""

from __future__ import annotations

from struct import unpack_from

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_32_BITS = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


def murmur2(data: bytes) -> int:
    """Return MurmurHash2 as ``org.apache.kafka.common.utils.Utils`` has it, without a sign."""
    length = len(data)
    hashed = _SEED ^ length
    words = length // 4
    for word in unpack_from(f"<{words}I", data):
        mixed = word * _MIX & _32_BITS
        mixed = (mixed ^ mixed >> 24) * _MIX & _32_BITS
        hashed = hashed * _MIX & _32_BITS ^ mixed
    if rest := data[words * 4 :]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _MIX & _32_BITS
    hashed = (hashed ^ hashed >> 13) * _MIX & _32_BITS
    return hashed ^ hashed >> 15


def positive(data: bytes) -> int:
    """Return the hash as it is divided by the number of partitions."""
    return murmur2(data) & _POSITIVE
