"""OTLP over HTTP; needs the extra ``otlp``."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from experimentframework_core.backplanes._otel.answers import CONTENT_TYPE, Answer, read
from experimentframework_core.backplanes._otel.errors import http_failure
from experimentframework_core.backplanes._otel.scope import version
from experimentframework_core.backplanes._otel.tls import ssl_context
from experimentframework_core.errors import TransientError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions

ResponseT = TypeVar("ResponseT", bound=Message)


class HttpSender:
    """Posts requests to a collector and reads its answers."""

    def __init__(self, options: OpenTelemetryOptions) -> None:
        """Make the client; it connects when something is sent."""
        self._address = str(options.endpoint).rstrip("/")
        self._seconds = options.timeout_ms / 1000
        self._gzip = options.compression == "gzip"
        self._headers = {name: value.reveal() for name, value in options.headers.items()}
        self._headers |= {
            "Accept-Encoding": "identity",
            "Content-Type": CONTENT_TYPE,
            "User-Agent": f"experimentframework/{version()}",
        }
        if self._gzip:
            self._headers["Content-Encoding"] = "gzip"
        is_encrypted = self._address.startswith("https:")
        # Not httpx.AsyncClient, which logs each request at the level INFO.
        verify = ssl_context(options) if is_encrypted else _no_tls()
        self._transport = _transport(verify, self._address)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.aclose()

    async def send_traces(
        self, request: ExportTraceServiceRequest, *, doing: str
    ) -> tuple[int, str]:
        """Return how many spans the collector rejects, and what it says of them."""
        response = await self._send("/v1/traces", request, ExportTraceServiceResponse(), doing)
        return response.partial_success.rejected_spans, response.partial_success.error_message

    async def send_logs(self, request: ExportLogsServiceRequest, *, doing: str) -> tuple[int, str]:
        """Return how many log records the collector rejects, and what it says of them."""
        response = await self._send("/v1/logs", request, ExportLogsServiceResponse(), doing)
        partial = response.partial_success
        return partial.rejected_log_records, partial.error_message

    async def _send(
        self, path: str, request: Message, response: ResponseT, doing: str
    ) -> ResponseT:
        content = request.SerializeToString()
        if self._gzip:
            content = await asyncio.to_thread(gzip.compress, content, compresslevel=1)
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._post(self._address + path, content)
        except (TimeoutError, httpx.TimeoutException) as error:
            late = f"cannot {doing}: no answer within {self._seconds:g} s"
            raise TransientError(late) from error
        except httpx.RequestError as error:
            raise _unreached(error, doing, self._address) from error
        except httpx.InvalidURL as error:
            raise UnavailableError(f"cannot {doing}: it is no address: {error}") from error
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - the class of status codes
            pause = retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
            raise http_failure(answer.status, answer.words(), pause, doing=doing)
        try:
            response.ParseFromString(answer.content)
        except DecodeError:
            if answer.status != httpx.codes.OK:
                return type(response)()  # Taken, in other words than those of OTLP.
            wrong = f"cannot {doing}: the answer is none of OTLP; see endpoint"
            raise UnavailableError(wrong) from None
        return response

    async def _post(self, url: str, content: bytes) -> Answer:
        limits = httpx.Timeout(self._seconds).as_dict()
        request = httpx.Request(
            "POST", url, headers=self._headers, content=content, extensions={"timeout": limits}
        )
        answer = await self._transport.handle_async_request(request)
        try:
            return await read(answer)
        finally:
            await answer.aclose()


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a header ``Retry-After`` asks for: a number of them, or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())


def _no_tls() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _transport(verify: ssl.SSLContext, address: str) -> httpx.AsyncHTTPTransport:
    proxy = _proxy(address)
    try:
        return httpx.AsyncHTTPTransport(verify=verify, proxy=proxy)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        # The value may hold a password.
        wanted = f"{urlsplit(address).scheme}_proxy"
        name = next((each for each in os.environ if each.lower() == wanted), wanted)
        raise UnavailableError(
            f"cannot reach {address} by the proxy that the environment variable {name} names:"
            " expected its address as in http://proxy:3128; or except the collector in no_proxy"
        ) from error


def _proxy(address: str) -> str | None:
    """Return the proxy that the environment names for an address."""
    url = urlsplit(address)
    if proxy_bypass(url.netloc):
        return None
    return getproxies().get(url.scheme)


def _unreached(error: httpx.RequestError, doing: str, address: str) -> TransientError:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            mend = f"cannot {doing}: its certificate is not trusted, {cause.verify_message};"
            return UnavailableError(f"{mend} see cafile")
        if isinstance(cause, ssl.SSLError):
            mend = f"cannot {doing}: no TLS with it, {cause.reason}; see endpoint and certfile"
            return UnavailableError(mend)
    said = next(filter(None, map(_system_s_words, reversed(causes))), "")
    told = f"cannot {doing}: {said or str(error) or type(error).__name__}"
    cut_short = isinstance(error, httpx.ReadError | httpx.RemoteProtocolError)
    if cut_short and address.startswith("http:"):
        told += "; if it speaks TLS, say https:// in endpoint"
    return TransientError(told)


def _system_s_words(error: BaseException) -> str | None:
    if isinstance(error, socket.gaierror):
        return error.strerror
    # What asyncio says instead names the address a second time, and not the reason.
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything behind it, the outermost first."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    behind = error.__cause__ or error.__context__
    if behind is not None:
        yield from _causes(behind)
