"""The page's recipe for Azure Event Hubs, as far as it can be had without one."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from experimentframework_core.config import BackplaneOptions, load_text, resolved_options
from experimentframework_core.plugins import find_plugin
from experimentframework_kafka import KafkaOptions, plugin
from experimentframework_kafka._client import client_arguments
from tests.docs.pages import all_blocks

if TYPE_CHECKING:
    import pytest


def test_the_recipe_signs_in_with_the_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
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
