"""What a collector answers by HTTP: read only so far, whatever it is encoded in."""

from __future__ import annotations

import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/x-protobuf"

LONGEST = 1024 * 1024
"""Bytes of an answer that are read; the rest is left unread."""


class Answer(NamedTuple):
    """An answer's status, its headers, and the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def words(self) -> str:
        """Return what the body of a refusal says, where that is text or a status of gRPC."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind == CONTENT_TYPE:
            # `google.rpc.Status` has its message where a partial success has it: in field 2.
            status = ExportTracePartialSuccess()
            try:
                status.ParseFromString(self.content)
            except DecodeError:
                return ""
            return status.error_message
        is_text = kind in {"text/plain", "application/json"}
        return self.content.decode(errors="replace") if is_text else ""


async def read(response: httpx.Response) -> Answer:
    """Return what is answered. The status counts, even where the body of a refusal breaks off.

    Raises:
        RequestError: The body of an answer that is no refusal breaks off.
    """
    raw = bytearray()
    try:
        async with aclosing(response.aiter_raw()) as chunks:  # type: ignore[type-var]  # is a generator
            async for chunk in chunks:
                raw += chunk
                if len(raw) >= LONGEST:
                    break
    except httpx.TransportError:
        if response.is_success:
            raise
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    return Answer(response.status_code, response.headers, _decoded(bytes(raw[:LONGEST]), encoding))


def _decoded(raw: bytes, encoding: str) -> bytes:
    """Return the body as it was before it was packed, which nobody has asked for."""
    if encoding == "identity":
        return raw
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(raw, LONGEST)
    except zlib.error:
        return b""
