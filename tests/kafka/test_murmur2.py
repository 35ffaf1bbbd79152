"""Keys go where Kafka's own clients put them."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as reference
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_kafka._murmur2 import positive_hashes

VECTORS = {  # From org.apache.kafka.common.utils.UtilsTest.
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize("key", VECTORS)
def test_a_vector_of_the_java_client(key: str) -> None:
    """Given a test vector of the Java client, When it is hashed, Then the sign is taken away."""
    found = positive_hashes([key])

    assert found == {key: VECTORS[key] & 0x7FFFFFFF}


def test_the_vectors_together() -> None:
    """Given keys of several lengths, When they are hashed at once, Then each has its own hash."""
    found = positive_hashes(VECTORS)

    assert found == {key: hashed & 0x7FFFFFFF for key, hashed in VECTORS.items()}


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30)))
def test_any_keys_hash_as_the_client_does(keys: list[str]) -> None:
    """Given any keys, When they are hashed at once, Then their hashes are those of aiokafka."""
    found = positive_hashes(keys)

    assert found == {key: reference(key.encode()) & 0x7FFFFFFF for key in keys}


@given(st.integers(0, 13), st.lists(st.binary(min_size=13, max_size=13), max_size=50))
def test_many_keys_of_one_length_do_not_disturb_each_other(length: int, keys: list[bytes]) -> None:
    """Given keys of one length, When they are hashed at once, Then none changes another's hash."""
    texts = [key[:length].hex() for key in keys]

    found = positive_hashes(texts)

    assert found == {text: reference(text.encode()) & 0x7FFFFFFF for text in texts}
