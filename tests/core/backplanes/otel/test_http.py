"""What only HTTP has: pauses as dates, pages of proxies, TLS, words of refusals."""

from __future__ import annotations

import asyncio
import gzip
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from experimentframework_core.backplanes._otel import answers
from experimentframework_core.backplanes._otel.http import HttpSender, _proxy, retry_after
from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions
from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.testing import make_records
from tests.core.backplanes.otel._collectors import opened, options_for
from tests.peers.otlp import Answer, http_collector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.otlp import Collector

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
HTTP = "http/protobuf"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Tue, 03 Feb 2026 04:05:36 GMT", 30.0),
        ("Tue, 03 Feb 2026 04:05:36 -0000", 30.0),
        ("Tue, 03 Feb 2026 04:05:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
    ],
)
def test_a_pause_is_read(value: str | None, seconds: float | None) -> None:
    """Given a header, When it is read, Then it is the seconds to wait, or nothing."""
    pause = retry_after(value, NOW)

    assert pause == seconds


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with http_collector() as running:
        yield running


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(raw=b"<html>sign in</html>"), "the answer is none of OTLP; see endpoint"),
        (Answer(302, raw=b""), "answers 302, which is no answer of OTLP; see endpoint"),
        (Answer(404, raw=b"<html>"), "there is no OTLP at this address"),
    ],
)
async def test_what_is_no_collector(collector: Collector, answer: Answer, said: str) -> None:
    """Given a web server at the address, When a batch is delivered, Then the error says so."""
    collector.always = answer

    async with opened(options_for(collector, HTTP)) as backplane:
        with pytest.raises(UnavailableError, match=said):
            await backplane.deliver(make_records(1))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "nonsense"])
async def test_an_encoding_that_is_none_hides_no_outage(
    collector: Collector, encoding: str
) -> None:
    """Given a proxy that says gzip and writes HTML, When it answers 503, Then that counts."""
    page = b"<html>upstream is down</html>"
    collector.always = Answer(503, raw=page, headers=(("Content-Encoding", encoding),))

    async with opened(options_for(collector, HTTP)) as backplane:
        with pytest.raises(TransientError, match="the collector answers 503"):
            await backplane.deliver(make_records(1))


async def test_no_encoding_is_asked_for(collector: Collector) -> None:
    """Given a collector that packs answers all the same, When it answers, Then it is read."""
    said = ExportTraceServiceResponse()
    said.partial_success.error_message = "send less often"
    packed = gzip.compress(said.SerializeToString())
    collector.always = Answer(raw=packed, headers=(("Content-Encoding", "gzip"),))

    async with opened(options_for(collector, HTTP)) as backplane:
        _, words = await backplane._sender.send_traces(ExportTraceServiceRequest(), doing="try")

    assert words == "send less often"
    assert collector.headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [202, 204])
async def test_every_2xx_is_a_confirmation(collector: Collector, status: int) -> None:
    """Given a gateway that answers 202 or 204, When a batch is delivered, Then it is confirmed."""
    collector.always = Answer(status, raw=b"" if status == 204 else b"<p>taken</p>")

    async with opened(options_for(collector, HTTP)) as backplane:
        await backplane.deliver(make_records(1))

    assert len(collector.headers) == 1


async def test_an_answer_is_read_only_so_far(collector: Collector) -> None:
    """Given an answer without end in sight, When it is read, Then only its beginning is."""
    collector.always = Answer(400, raw=b"x" * (answers.LONGEST * 8))

    async with opened(options_for(collector, HTTP)) as backplane:
        assert isinstance(backplane._sender, HttpSender)
        answer = await backplane._sender._post(f"{collector.endpoint}/v1/traces", b"")

    assert len(answer.content) == answers.LONGEST


def test_a_packed_answer_is_unpacked_only_so_far() -> None:
    """Given an answer that is small only as it is packed, When unpacked, Then not beyond that."""
    packed = gzip.compress(bytes(answers.LONGEST * 8))

    content = answers._decoded(packed, "gzip")

    assert len(content) == answers.LONGEST


async def test_tls_where_none_is_said() -> None:
    """Given a port that speaks TLS, When it is spoken to without, Then the error says https."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened(OpenTelemetryOptions(endpoint=f"http://127.0.0.1:{port}")) as backplane:
            with pytest.raises(TransientError, match="if it speaks TLS, say https:// in endpoint"):
                await backplane.deliver(make_records(1))


@pytest.mark.parametrize("value", ["127.0.0.1:3128", "ftp://u:pa55@proxy", "socks5://u:pa55@proxy"])
async def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Given a variable that names no proxy of HTTP, When opened, Then the error names it."""
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", value)

    with pytest.raises(UnavailableError, match="variable http_proxy names: expected") as caught:
        async with opened(OpenTelemetryOptions(endpoint="http://collector:4318")):
            pass

    assert "pa55" not in str(caught.value)


async def test_nobody_listens(collector: Collector) -> None:
    """Given a port where nobody listens, When a batch is delivered, Then the error says so."""
    options = OpenTelemetryOptions(endpoint="http://127.0.0.1:1")

    async with opened(options) as backplane:
        with pytest.raises(TransientError, match=r"127\.0\.0\.1:1: .*refused"):
            await backplane.deliver(make_records(1))


async def test_a_host_that_is_not_there() -> None:
    """Given a name that nobody has, When a batch is delivered, Then the error says so."""
    options = OpenTelemetryOptions(endpoint="http://collector.invalid:4318")

    async with opened(options) as backplane:
        with pytest.raises(TransientError, match=r"cannot export 1 events to .*: \S+"):
            await backplane.deliver(make_records(1))


async def test_nothing_is_logged_for_a_request(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """Given an application that logs at INFO, When a batch is delivered, Then it has no line."""
    with caplog.at_level(logging.INFO):
        async with opened(options_for(collector, HTTP)) as backplane:
            await backplane.deliver(make_records(1))

    assert [line for line in caplog.records if line.name.startswith("http")] == []


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the variables of proxies, When one is looked for, Then exceptions hold."""
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "localhost,.internal")

    found = [_proxy(f"http://{host}:4318") for host in ("collector", "localhost", "a.internal")]

    assert found == ["http://proxy:3128", None, None]
