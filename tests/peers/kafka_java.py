"""Apache Kafka as a process of this machine: one node, from its Maven coordinates."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

version: Final = "4.1.1"
START_TIMEOUT: Final = 60.0
_log4j: Final = "2.24.3"
_copy: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_project: Final = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>experimentframework.tests</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>{_log4j}</version>
    </dependency>
  </dependencies>
</project>
"""
_protocols: Final = (
    "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,"
    "SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL"
)
_flags: Final = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.apache.logging.log4j.level=WARN",
)

STEADY: Final = {"broker.session.timeout.ms": "9000", "broker.heartbeat.interval.ms": "2000"}
"""Settings of a broker that nobody kills: a busy machine may keep it from running for a while."""


def cache() -> Path:
    """Return the folder outside the checkout that keeps Kafka's jars."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "experimentframework-tests" / f"kafka-{version}"


def is_cached() -> bool:
    """Return whether the jars are there."""
    return (cache() / "complete").exists()


def jars() -> Path:
    """Return the folder with Kafka's jars; Maven gets them the first time.

    Raises:
        RuntimeError: Maven cannot get them; the message has what it said.
    """
    folder = cache()
    if not is_cached():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(_project)
        command = ["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), _copy]
        scope = ["-DincludeScope=runtime", f"-DoutputDirectory={folder / 'libs'}"]
        done = subprocess.run(
            [*command, *scope], capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"Maven cannot get Kafka {version}: {done.stdout}{done.stderr}")
        (folder / "complete").touch()
    return folder / "libs"


class JavaBroker:
    """One broker on 127.0.0.1, with a folder of its own that goes with it.

    It can be killed and started again on the same port with the same data.

    Attributes:
        brokers: Where it listens, as clients take it.
        port: The port of that.
        advertised: The port of a proxy that it names to those who come through it.
        behind: The port where it listens for that proxy.
        ports: The ports of more security protocols, by their names.
        log: The file with what it said; it stays when a test that used it failed.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        proxied: bool = False,
        protocols: Sequence[str] = (),
        users: Mapping[str, str] | None = None,
        first: JavaBroker | None = None,
    ) -> None:
        """Store what to add to its settings; nothing runs before `start`.

        Args:
            settings: More settings, or others.
            proxied: Listen for a proxy too.
            protocols: Listen in these security protocols too, each on one of `ports`.
            users: Passwords of users that sign in by SCRAM.
            first: The broker whose cluster it joins; None for a cluster of its own.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="experimentframework-kafka-"))
        self.log = self._folder / "broker.log"
        self.advertised, self.behind = free_port(), free_port()
        self.ports = {protocol: free_port() for protocol in protocols}
        self._proxied = proxied
        self._users = dict(users or {})
        self._first = first
        self._controller: int = free_port() if first is None else first._controller
        self._cluster: str = _cluster_id() if first is None else first._cluster
        self._more = dict(settings or {})
        self.move_to(free_port())
        self._process: subprocess.Popen[bytes] | None = None

    def move_to(self, port: int) -> None:
        """Have it listen on another port from the next start on."""
        self.port = port
        self.brokers = f"127.0.0.1:{port}"

    def __enter__(self) -> Self:
        try:
            self._format(*self._scram())
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        if error is None:
            shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            RuntimeError: It does not in time; the message has the end of its log.
        """
        self._write_settings()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._properties)),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        wait_until_it_answers(self.brokers, self._why_not)

    def kill(self) -> None:
        """End it as ``kill -9`` does, by its id."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Have it do nothing, with its connections open, until `go_on`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it go on after `pause`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _why_not(self) -> str | None:
        if self._process is None or self._process.poll() is None:
            return None
        return f"the broker ended with {self._process.returncode}: {self._end_of_log()}"

    def _end_of_log(self) -> str:
        return f"{self.log}: {self.log.read_text(errors='replace')[-2000:]}"

    def _usual(self) -> dict[str, str]:
        listeners = f"PLAINTEXT://127.0.0.1:{self.port}"
        advertised = listeners
        if self._proxied:
            listeners += f",PROXIED://127.0.0.1:{self.behind}"
            advertised += f",PROXIED://127.0.0.1:{self.advertised}"
        for protocol, port in self.ports.items():
            listeners += f",{protocol}://127.0.0.1:{port}"
            advertised += f",{protocol}://127.0.0.1:{port}"
        if self._first is None:
            listeners += f",CONTROLLER://127.0.0.1:{self._controller}"
        return {
            "process.roles": "broker,controller" if self._first is None else "broker",
            "node.id": "1" if self._first is None else "2",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "listeners": listeners,
            "advertised.listeners": advertised,
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": _protocols,
            "log.dirs": str(self._folder / "data"),
            "num.partitions": "3",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After a kill it waits until its own old session has ended.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "200",
        }

    def _scram(self) -> list[str]:
        return [
            argument
            for user, password in self._users.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for argument in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
        ]

    def _format(self, *arguments: str) -> None:
        self._write_settings()
        command = self._java(
            "kafka.tools.StorageTool",
            "format",
            "-t",
            self._cluster,
            "-c",
            str(self._properties),
            *arguments,
        )
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_TIMEOUT, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"Kafka cannot make its folder: {done.stdout}{done.stderr}")

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    def _write_settings(self) -> None:
        settings = {**self._usual(), **self._more}
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))

    def _java(self, *arguments: str) -> list[str]:
        return ["java", *_flags, "-cp", f"{jars()}/*", *arguments]


def _cluster_id() -> str:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return cluster.replace("-", "_")  # The first would be taken for an option.


def wait_until_it_answers(brokers: str, why_not: Callable[[], str | None] = lambda: None) -> None:
    """Return when a broker answers.

    Args:
        brokers: Where it listens.
        why_not: A function that returns why it never will; None while it may.

    Raises:
        RuntimeError: It does not within `START_TIMEOUT`.
    """
    deadline = time.monotonic() + START_TIMEOUT
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    while True:
        try:
            client.list_topics(timeout=0.5)
        except KafkaException as error:
            reason = why_not()
            if reason is None and time.monotonic() > deadline:
                reason = f"{brokers} does not answer within {START_TIMEOUT:.0f} s: {error}"
            if reason is not None:
                raise RuntimeError(reason) from error
        else:
            return
