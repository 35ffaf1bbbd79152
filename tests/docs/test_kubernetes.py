"""The manifest for Kubernetes fits the app, the configuration and each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from experimentframework_core.config import load_text
from experimentframework_core.plugins import find_plugin
from tests.docs.pages import docs
from tests.docs.test_fastapi_app import address_of
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

folder = docs / "examples/kubernetes"
documents = list(YAML(typ="safe", pure=True).load_all((folder / "shop.yaml").read_text("utf-8")))
by_kind: dict[str, dict[str, Any]] = {each["kind"]: each for each in documents}
pod: dict[str, Any] = by_kind["StatefulSet"]["spec"]["template"]
(container,) = pod["spec"]["containers"]
experiments: str = by_kind["ConfigMap"]["data"]["experiments.yaml"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """Start the app with the manifest's configuration, its broker down; return its address."""
    file = tmp_path / "experiments.yaml"
    file.write_text(experiments, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:app", "--port", "0", "--no-access-log"],
        cwd=folder,
        env={
            "EXPERIMENTS": str(file),
            "BUFFER_FOLDER": str(tmp_path / "buffer"),
            "KAFKA_BROKERS": f"127.0.0.1:{free_port()}",
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    yield address_of(process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=100)


def ready(url: str) -> httpx.Response:
    """Ask whether it is ready until it is not: the destination takes a moment to fail."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        answer = httpx.get(f"{url}/internal/health/ready", timeout=30)
        if answer.status_code == 503:
            break
        time.sleep(0.05)
    return answer


def test_the_configuration_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the ConfigMap, When its file is loaded, Then it is good, and its buffer is on disk."""
    monkeypatch.setenv("KAFKA_BROKERS", "kafka:9092")

    configuration = load_text(experiments, find_plugin=find_plugin)

    assert configuration.data_plane is not None
    assert configuration.data_plane.buffer.type == "disk"


def test_the_pod_has_time_to_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given what happens one after the other at the end, Then the grace period is longer."""
    monkeypatch.setenv("KAFKA_BROKERS", "kafka:9092")
    data_plane = load_text(experiments, find_plugin=find_plugin).data_plane
    assert data_plane is not None
    command = container["command"]
    requests = int(command[command.index("--timeout-graceful-shutdown") + 1])

    (_, seconds) = container["lifecycle"]["preStop"]["exec"]["command"]

    needed = int(seconds) + requests + data_plane.shutdown_timeout_ms / 1000
    assert pod["spec"]["terminationGracePeriodSeconds"] > needed


def test_the_buffer_and_its_volume_fit() -> None:
    """Given the volume's mount, When the buffer's folder is looked at, Then it is below it."""
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    (claim,) = by_kind["StatefulSet"]["spec"]["volumeClaimTemplates"]

    folder_of_buffer = "/var/lib/shop/buffer"

    assert folder_of_buffer in experiments
    assert folder_of_buffer.startswith(mounts[claim["metadata"]["name"]])
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_the_configuration_is_where_the_app_looks() -> None:
    """Given the ConfigMap's mount, Then the app's default is the file in it."""
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}

    assert f'"{mounts["experiments"]}/experiments.yaml"' in (folder / "app.py").read_text("utf-8")


def test_names_refer_to_what_is_there() -> None:
    """Given labels, ports and the ConfigMap, Then selectors and references find them."""
    service, stateful = by_kind["Service"]["spec"], by_kind["StatefulSet"]["spec"]
    ports = {each["name"] for each in container["ports"]}
    probes = [each for name, each in container.items() if name.endswith("Probe")]

    assert service["selector"] == stateful["selector"]["matchLabels"] == pod["metadata"]["labels"]
    assert stateful["serviceName"] == by_kind["Service"]["metadata"]["name"]
    assert {each["httpGet"]["port"] for each in probes} <= ports
    assert len(probes) == 3
    (volume,) = pod["spec"]["volumes"]
    assert volume["configMap"]["name"] == by_kind["ConfigMap"]["metadata"]["name"]


def test_the_shop_sells_while_the_broker_is_down(shop: str) -> None:
    """Given a broker that is down, When asked, Then probes and shop answer; readiness tells it."""
    probes = {each["httpGet"]["path"] for name, each in container.items() if name.endswith("Probe")}
    page = httpx.get(f"{shop}/checkout", timeout=30, params={"user": "u-1"})

    not_ready = ready(shop)
    answers = [httpx.get(f"{shop}{path}", timeout=30).status_code for path in probes]
    details = httpx.get(f"{shop}/internal/health", timeout=30).json()

    assert page.status_code == 200
    assert answers == [200] * len(probes)
    assert not_ready.status_code == 503
    assert details["statistics"]["backplanes"]["kafka"]["buffered"] == 1


def test_the_annotated_path_is_scraped(shop: str) -> None:
    """Given the annotations, When Prometheus scrapes there, Then it gets the metrics."""
    path = pod["metadata"]["annotations"]["prometheus.io/path"]

    text = httpx.get(f"{shop}{path}", timeout=30).text

    names = {family.name for family in text_string_to_metric_families(text)}
    assert "experimentframework_buffer_events" in names
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(
        container["ports"][0]["containerPort"]
    )
