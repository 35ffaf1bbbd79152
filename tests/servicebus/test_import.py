"""Checking a configuration of Service Bus does not load the client."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from experimentframework_core.config import load_text
from experimentframework_core.plugins import find_plugin

load_text(
    "dataPlane: {backplane: {type: azureServiceBus,"
    " options: {fullyQualifiedNamespace: shop, queueName: events}}}",
    find_plugin=find_plugin,
)
print("experimentframework_servicebus" in sys.modules, "azure.servicebus" in sys.modules)
"""


def test_the_client_loads_where_it_is_used() -> None:
    """Given a fresh process, When a configuration is checked, Then the client is not imported."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", CODE], check=True, capture_output=True, text=True
    )

    assert done.stdout.split() == ["True", "False"]
