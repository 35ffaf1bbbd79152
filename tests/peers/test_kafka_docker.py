"""The container of Kafka, as far as it can be had without a Docker engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.peers import kafka_docker
from tests.peers.kafka_docker import PORT, docker_broker, environment, image
from tests.peers.kafka_java import jars, version, wait_until_it_answers
from tests.peers.ports import free_port
from tests.peers.require import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTROLLER_PORT = 9093


def _java(*arguments: str) -> list[str]:
    return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars()}/*", *arguments]


def test_the_environment_makes_a_broker_that_answers(tmp_path: Path) -> None:
    """Given our environment, When the image's own program reads it, Then its broker answers."""
    require("kafka", missing=None if shutil.which("java") else "no java in PATH")
    folders = [tmp_path / name for name in ("default", "mounted", "final")]
    for folder in folders:
        folder.mkdir()
    (folders[0] / "server.properties").touch()
    outside, controller = free_port(), free_port()
    variables = {
        key: _moved(each, outside, controller) for key, each in environment(outside).items()
    }
    variables |= {"KAFKA_LOG_DIRS": str(tmp_path / "data"), "CLUSTER_ID": "4L6g3nShTxeMCtKxxX86sw"}
    flags = ("--default-configs-dir", "--mounted-configs-dir", "--final-configs-dir")
    where = [text for pair in zip(flags, map(str, folders), strict=True) for text in pair]

    subprocess.run(
        _java("kafka.docker.KafkaDockerWrapper", "setup", *where),
        env={"PATH": os.environ["PATH"], **variables},
        check=True,
        capture_output=True,
    )
    with (tmp_path / "log").open("wb") as log:
        broker = subprocess.Popen(
            _java("kafka.Kafka", str(folders[2] / "server.properties")), stdout=log, stderr=log
        )
    try:
        wait_until_it_answers(f"127.0.0.1:{outside}")
    finally:
        broker.send_signal(signal.SIGKILL)
        broker.wait()


def _moved(setting: str, port: int, controller: int) -> str:
    """Return a setting with other ports than the container's, which may be taken here."""
    return setting.replace(f":{PORT}", f":{port}").replace(f":{CONTROLLER_PORT}", f":{controller}")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, object]]]]:
    """Return what is asked of an engine that says yes to everything."""
    asked: list[tuple[str, dict[str, object]]] = []

    class Engine(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0].removeprefix("/v1.44")
            asked.append((f"{self.command} {path}", json.loads(body) if body else {}))
            said = {"ApiVersion": "1.44", "Id": "c1", "State": {}, "Warnings": []}
            answer = json.dumps(said).encode()
            self.send_response(201 if self.command == "POST" else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names of the base class

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr("testcontainers.core.config.testcontainers_config.ryuk_disabled", True)
    monkeypatch.setattr(
        kafka_docker, "wait_until_it_answers", lambda at: asked.append((f"wait for {at}", {}))
    )
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()


def test_the_container_is_asked_for_and_removed(
    engine: list[tuple[str, dict[str, object]]],
) -> None:
    """Given an engine, When a broker is used, Then it is Kafka's image, at our port, and goes."""
    with docker_broker() as brokers:
        during = list(engine)

    created = dict(during)["POST /containers/create"]
    host, _, port = brokers.partition(":")
    assert host == "127.0.0.1"
    assert created["Image"] == image == f"apache/kafka:{version}"
    assert sorted(created["Env"]) == sorted(  # type: ignore[call-overload]
        f"{key}={value}" for key, value in environment(int(port)).items()
    )
    assert created["HostConfig"]["PortBindings"] == {  # type: ignore[index]
        f"{PORT}/tcp": [{"HostIp": "", "HostPort": port}]
    }
    assert during[-1][0] == f"wait for {brokers}"
    assert engine[-1][0].startswith("DELETE /containers/")
    assert not any(what.startswith("DELETE") for what, _ in during)
