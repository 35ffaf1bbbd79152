"""The example configuration of the documentation, with the command, against Kafka itself."""

from __future__ import annotations

import os
import ssl
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core.codec import decode_record
from experimentframework_core.config import BackplaneOptions, load_text, resolved_options
from experimentframework_core.plugins import find_plugin
from experimentframework_kafka import KafkaOptions, plugin
from experimentframework_kafka._client import client_arguments
from experimentframework_kafka._topics import all_topics, topic_of
from tests.docs.pages import all_blocks, docs
from tests.kafka._consumer import consume

if TYPE_CHECKING:
    import pytest

EXAMPLE = docs / "examples/kafka.yaml"
EVENTS = docs / "examples/events.ndjson"


def _run(brokers: str, folder: Path, *arguments: str) -> str:
    command = Path(sysconfig.get_path("scripts")) / "experimentframework"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "KAFKA_BROKERS": brokers,
        "KAFKA_REPLICAS": "1",
        "EVENTS_BUFFER": str(folder / "buffer"),
        "EXPERIMENTFRAMEWORK_STATE": str(folder),
    }
    done = subprocess.run(
        [command, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_publish_sends_is_in_the_topics_of_the_example(brokers: str, tmp_path: Path) -> None:
    """Given the example, When the example's events are published, Then each is in its topic."""
    options = KafkaOptions(brokers=brokers, topics={"exposure": "shop-exposures"})

    _run(brokers, tmp_path, "publish", str(EVENTS), "--config", str(EXAMPLE))

    topics = {
        record.event_id: (topic, topic_of(record.event_type, options))
        for topic in all_topics(options)
        for record in (decode_record(seen.value) for seen in consume(brokers, topic))
    }
    assert len(topics) >= len(EVENTS.read_text().splitlines())
    assert [found for found, expected in topics.values() if found != expected] == []


def test_doctor_finds_the_cluster_well(brokers: str, tmp_path: Path) -> None:
    """Given the example, When doctor looks, Then the cluster and its topics are well."""
    report = _run(brokers, tmp_path, "doctor", "--config", str(EXAMPLE))

    assert "kafka" in report


def test_the_recipe_for_event_hubs_signs_in_with_the_connection_string(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given the page's recipe, When it is loaded, Then the client gets what Event Hubs asks for."""
    secret = "Endpoint=sb://my-namespace/;SharedAccessKeyName=n;SharedAccessKey=k="
    monkeypatch.setenv("EVENT_HUBS_CONNECTION_STRING", secret)
    (recipe,) = [
        each.code
        for each in all_blocks("yaml")
        if each.page == "docs/how-to/deliver-to-kafka.md" and "servicebus" in each.code
    ]

    data_plane = load_text(recipe, find_plugin=find_plugin).data_plane
    assert data_plane is not None
    node = data_plane.backplane
    assert isinstance(node, BackplaneOptions)
    options = resolved_options(node, plugin)
    assert isinstance(options, KafkaOptions)
    arguments = client_arguments(options)

    assert arguments.pop("ssl_context").verify_mode is ssl.CERT_REQUIRED
    assert arguments == {
        "bootstrap_servers": ["my-namespace.servicebus.windows.net:9093"],
        "request_timeout_ms": 30_000,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "$ConnectionString",
        "sasl_plain_password": secret,
        "metadata_max_age_ms": 180_000,
        "connections_max_idle_ms": 180_000,
    }
    assert options.compression_type == "gzip"
