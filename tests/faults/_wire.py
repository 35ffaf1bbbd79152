"""The protocol between `LineBackplane` and its destination: frames of bodies, one answer each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import asyncio

Refusal = Literal["permanent", "transient", "unavailable", "bug"]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the destination says of a batch: an empty answer is a yes.

    Attributes:
        error: Why nothing of the batch was taken.
        refused: The indexes that were refused for ever, while all others were taken.
    """

    error: Refusal | None = None
    refused: tuple[int, ...] = ()


_encode = msgspec.msgpack.encode
_bodies = msgspec.msgpack.Decoder(list[bytes])
_answer = msgspec.msgpack.Decoder(Answer)


def write_batch(writer: asyncio.StreamWriter, bodies: list[bytes]) -> None:
    """Send a batch."""
    _write(writer, _encode(bodies))


def write_answer(writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Send an answer."""
    _write(writer, _encode(answer))


def _write(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(len(content).to_bytes(4, "big") + content)


async def read_batch(reader: asyncio.StreamReader) -> list[bytes]:
    """Receive a batch."""
    return _bodies.decode(await _read(reader))


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Receive an answer."""
    return _answer.decode(await _read(reader))


async def _read(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(4), "big")
    return await reader.readexactly(length)
