"""Values of AMQP to bytes and back, by proton."""

from __future__ import annotations

from typing import Any, TypeAlias

from proton import Data, Described, ulong

Value: TypeAlias = Any
"""Whatever AMQP has; who decodes it knows what it should be."""


def decoded(encoded: bytes) -> Value:
    """Return the value of its bytes."""
    data = Data()
    data.decode(encoded)
    data.rewind()
    data.next()
    return data.get_object()


def section(code: int, value: Value) -> bytes:
    """Return a section of a message."""
    data = Data()
    data.put_object(Described(ulong(code), value))
    return bytes(data.encode())
