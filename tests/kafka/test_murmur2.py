"""Keys go where Kafka's own clients put them."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as reference
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_kafka._murmur2 import murmur2, positive


@pytest.mark.parametrize(
    ("data", "expected"),
    [  # From org.apache.kafka.common.utils.UtilsTest.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_vectors_of_the_java_client(data: bytes, expected: int) -> None:
    """Given the Java client's test vectors, When they are hashed, Then the hashes are its."""
    found = murmur2(data)

    assert found == expected % 2**32


@given(st.binary(max_size=100))
def test_any_bytes_hash_as_the_client_does(data: bytes) -> None:
    """Given any bytes, When they are hashed, Then the hash is the one of aiokafka."""
    found = murmur2(data)

    assert found == reference(data)


def test_the_sign_is_taken_away() -> None:
    """Given a negative hash, When a partition is to be chosen, Then its lowest 31 bits count."""
    found = positive(b"21")

    assert found == -973932308 & 0x7FFFFFFF
