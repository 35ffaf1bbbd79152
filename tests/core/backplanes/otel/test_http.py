"""What only HTTP has: pauses as dates, pages of proxies, TLS, words of refusals."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.backplanes._otel.http import _proxy, retry_after
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
