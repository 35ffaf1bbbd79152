"""The whole way: acknowledgements, outages, refusals and a killed process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    ConfigurationError,
    DataPlane,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    DeliveryError,
    RetryOptions,
    Secret,
)
from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions
from experimentframework_core.cli._health import backplane_checks
from experimentframework_core.testing import make_exposure
from tests.core.backplanes.otel._collectors import PROTOCOLS
from tests.packaging.layout import root
from tests.peers.otlp import AWAY, Answer, http_collector
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core import Health

QUICK = RetryOptions(initial_delay_ms=10, max_delay_ms=50)


def plane_for(endpoint: str, folder: Path, **more: Any) -> DataPlane:
    """Return a plane with a disk buffer that delivers to a collector."""
    protocol = more.pop("protocol", "http/protobuf")
    options = OpenTelemetryOptions(endpoint=endpoint, protocol=protocol, flush_interval_ms=5)
    letters = DeadLetterStoreOptions(path=str(folder / "letters.db"))
    settings = {
        "buffer": BufferOptions(type="disk", path=str(folder / "buffer")),
        "retry": QUICK,
        "breaker": BreakerOptions(open_ms=20, max_open_ms=50),
        "dead_letter": DeadLetterOptions(options=letters),
        "backplane": BackplaneOptions(type="openTelemetry", options=options),
    }
    return DataPlane(DataPlaneOptions(**(settings | more)))


async def once(plane: DataPlane, status: str) -> Health:
    """Return the plane's health as soon as it is that."""
    async with asyncio.timeout(30):
        while (health := await plane.health()).status != status:  # noqa: ASYNC110 - ours
            await asyncio.sleep(0.01)
    return health


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
async def test_a_delivered_event_is_at_the_collector(protocol: str, tmp_path: Path) -> None:
    """Given a collector, When an acknowledged publish returns, Then the span is there."""
    async with (
        PROTOCOLS[protocol]() as collector,
        plane_for(collector.endpoint, tmp_path, protocol=protocol) as plane,
    ):
        receipt = await plane.publish(make_exposure(), ack="delivered")

        assert collector.event_ids == [receipt.event_id]


async def test_a_refused_event_is_told_to_who_waits(tmp_path: Path) -> None:
    """Given a collector that refuses it, When an event is published, Then that raises."""
    async with http_collector() as collector, plane_for(collector.endpoint, tmp_path) as plane:
        collector.refused["poison"] = Answer(400, said="no such subject")

        with pytest.raises(DeliveryError, match="was dead-lettered"):
            await plane.publish(make_exposure(subject_id="poison"), ack="delivered")

    assert plane.statistics().backplanes["openTelemetry"].dead_lettered == 1


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
async def test_a_key_that_a_collector_says_back_is_told_nowhere(
    protocol: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a collector that quotes the key, When it refuses events, Then nothing tells it."""
    async with PROTOCOLS[protocol]() as collector:
        otel = OpenTelemetryOptions(
            endpoint=collector.endpoint,
            protocol=protocol,  # type: ignore[arg-type]  # one of the two
            headers={"authorization": Secret("Bearer s3cr3t-key")},
            flush_interval_ms=5,
        )
        node = BackplaneOptions(type="openTelemetry", options=otel)
        quoting = "bad key Bearer s3cr3t-key, or s3cr3t-key"
        collector.next.append(Answer(400, "INVALID_ARGUMENT", quoting))

        async with plane_for(collector.endpoint, tmp_path, backplane=node) as plane:
            with pytest.raises(DeliveryError, match="was dead-lettered"):
                await plane.publish(make_exposure(), ack="delivered")
            collector.always = Answer(401, "UNAUTHENTICATED", quoting)
            await plane.publish(make_exposure())
            health = str(await once(plane, "unhealthy"))
        (check,) = [each async for each in backplane_checks(plane.options)]

    letters = (tmp_path / "letters.db").read_bytes().decode("latin1")
    for told in (health, check.found, letters, caplog.text):
        assert "bad key ***, or ***" in told
        assert "s3cr3t" not in told


async def test_what_a_collector_rejects_is_found(tmp_path: Path) -> None:
    """Given one event of 40 that is rejected, When all are delivered, Then it alone is not."""
    async with http_collector() as collector, plane_for(collector.endpoint, tmp_path) as plane:
        collector.refused["poison"] = Answer(rejected=1, said="too old")
        for number in range(40):
            subject = "poison" if number == 17 else f"u-{number}"
            await plane.publish(make_exposure(subject_id=subject))

        await plane.flush(10)

    (channel,) = plane.statistics().backplanes.values()
    assert (channel.delivered, channel.dead_lettered) == (39, 1)
    assert len(set(collector.event_ids)) == 39
    # Who sees a span twice can tell: it is the same one.
    assert len({(span.trace_id, span.span_id) for span in collector.spans}) == 39


async def test_an_outage_loses_nothing(tmp_path: Path) -> None:
    """Given a collector that is away, that refuses and comes back, When it is, Then all arrive."""
    port = free_port()
    published = []
    async with plane_for(f"http://127.0.0.1:{port}", tmp_path) as plane:
        for _ in range(300):
            receipt = await plane.publish(make_exposure(), ack="durable")
            published.append(receipt.event_id)
        away = await once(plane, "unhealthy")
        async with http_collector(port) as collector:
            collector.next.extend([AWAY, AWAY, Answer(429, retry_after="0")])

            flushed = await plane.flush(20)

    assert f"http://127.0.0.1:{port}: Connection refused" in str(away)
    assert (flushed.remaining, flushed.timed_out) == (0, False)
    assert sorted(collector.event_ids) == sorted(map(str, published))
    assert plane.statistics().backplanes["openTelemetry"].dead_lettered == 0


async def test_a_wrong_key_keeps_events_and_says_so(tmp_path: Path) -> None:
    """Given a key that is refused, When events wait, Then health names headers; then they come."""
    async with http_collector() as collector, plane_for(collector.endpoint, tmp_path) as plane:
        collector.always = Answer(401)
        await plane.publish(make_exposure(), ack="durable")
        health = await once(plane, "unhealthy")
        collector.always = Answer()

        flushed = await plane.flush(20)

    assert "see headers" in str(health)
    assert (flushed.remaining, len(collector.spans)) == (0, 1)


def publish_and_be_killed(configuration: Path) -> list[str]:
    """Run the other process until it has said 50 ids; return all that it says."""
    command = [sys.executable, "-m", "tests.core.backplanes.otel._publisher", str(configuration)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as child:
        assert child.stdout is not None
        durable = [child.stdout.readline() for _ in range(50)]
        child.kill()
        durable += child.stdout.readlines()
    return [line.strip() for line in durable]


async def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """Given a process that is killed in an outage, When the next one runs, Then all arrive."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    section = {
        "buffer": {"type": "disk", "path": str(tmp_path / "buffer")},
        "backplane": {"type": "openTelemetry", "options": {"endpoint": endpoint}},
    }
    file = tmp_path / "experiments.json"
    file.write_text(json.dumps({"dataPlane": section}))
    durable = await asyncio.to_thread(publish_and_be_killed, file)

    async with http_collector(port) as collector, plane_for(endpoint, tmp_path) as plane:
        await plane.flush(20)

    assert len(durable) >= 50
    assert set(durable) <= set(collector.event_ids)


async def test_the_example_delivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the example and a collector, When an event is published, Then it is there twice."""
    monkeypatch.setenv("EVENTS_BUFFER", str(tmp_path / "buffer"))
    async with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)

        async with DataPlane.from_file(root / "docs/examples/opentelemetry.yaml") as plane:
            receipt = await plane.publish(make_exposure(), ack="delivered")

    assert collector.event_ids == [receipt.event_id]
    assert len(collector.logs) == 1
    assert collector.resources[0]["service.name"] == "shop"
    assert collector.headers[0]["content-encoding"] == "gzip"


def test_doctor_says_that_the_collector_is_away(tmp_path: Path) -> None:
    """Given nobody at the address, When `doctor` looks, Then it says that in words."""
    port = free_port()
    file = tmp_path / "experiments.yaml"
    file.write_text(f"""
dataPlane:
  onFailure: drop
  backplane:
    type: openTelemetry
    options:
      endpoint: http://127.0.0.1:{port}
""")
    command = "from experimentframework_command import main; main()"

    result = subprocess.run(
        [sys.executable, "-c", command, "doctor", "--json", "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )

    (found,) = [each for each in json.loads(result.stdout)["checks"] if not each["ok"]]
    assert found["name"] == "backplane openTelemetry"
    assert f"cannot reach http://127.0.0.1:{port}: Connection refused" in found["found"]


def test_a_bad_address_is_a_problem_of_the_configuration() -> None:
    """Given what is no address, When a plane is made, Then that raises at once."""
    node = BackplaneOptions(
        type="openTelemetry", options=OpenTelemetryOptions(endpoint="localhost:4318")
    )

    with pytest.raises(ConfigurationError, match=r"options\.endpoint"):
        DataPlane(DataPlaneOptions(backplane=node))
