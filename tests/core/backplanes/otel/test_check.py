"""What is refused before anything is opened; broken files are in tests/core/config/broken."""

from __future__ import annotations

import subprocess
import sys

import pytest

from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions, plugin
from experimentframework_core.units import Secret

BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"opentelemetry", "grpc", "httpx", "google"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocker())
"""
"""Stands before a script: packages that nobody has installed."""


def problems(options: OpenTelemetryOptions) -> dict[str, str]:
    """Return what is wrong with options, by path."""
    assert plugin.check is not None
    return {finding[0]: finding[1] for finding in plugin.check(options)}


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://localhost:4318",
        "http://localhost",
        "https://otlp.example.com/otlp/",
        "http://[::1]:4318",
        "http://10.0.0.1:4318",
    ],
)
def test_good_addresses(endpoint: str) -> None:
    """Given an address, When it is checked, Then it is good."""
    found = problems(OpenTelemetryOptions(endpoint=endpoint))

    assert found == {}


@pytest.mark.parametrize(
    "endpoint",
    [
        "localhost:4318",
        "ftp://localhost",
        "http://",
        "http://:4318",
        "http://localhost:0",
        "http://localhost:70000",
        "http://localhost:port",
        "http://a b:4318",
        "http://user:s3cret@localhost",
        "http://localhost?key=s3cret",
        "http://localhost#s3cret",
        "http://[::1:4318",
        "http://localhost:4318/v1/logs",
    ],
)
def test_bad_addresses(endpoint: str) -> None:
    """Given what is no address, When it is checked, Then that is told, and no secret shown."""
    found = problems(OpenTelemetryOptions(endpoint=endpoint))

    assert list(found) == ["endpoint"]
    assert "s3cret" not in found["endpoint"]


@pytest.mark.parametrize("value", ["a\nb", "a\x00", "grün"])
def test_a_header_that_cannot_be(value: str) -> None:
    """Given a value with a line break, When it is checked, Then it is told, and not shown."""
    options = OpenTelemetryOptions(endpoint="http://localhost", headers={"api-key": Secret(value)})

    found = problems(options)

    assert list(found) == ["headers.api-key"]
    assert value not in found["headers.api-key"]


def run(script: str) -> str:
    """Run a script where the packages are not there."""
    result = subprocess.run(
        [sys.executable, "-c", BLOCKED + script],
        check=True,
        capture_output=True,
        text=True,
        timeout=250,
    )
    return result.stdout


@pytest.mark.parametrize(
    ("options", "extra", "module"),
    [
        ("{}", "opentelemetry", "opentelemetry.trace"),
        ("{endpoint: 'http://localhost:4318'}", "otlp", "opentelemetry.proto and httpx"),
        ("{endpoint: 'http://localhost:4317', protocol: grpc}", "otlp-grpc", "grpc"),
    ],
)
def test_packages_that_are_not_there(options: str, extra: str, module: str) -> None:
    """Given a file, When its packages are missing, Then the error says which bring them."""
    script = f'''
from experimentframework_core.config import load_text
from experimentframework_core.plugins import find_plugin
from experimentframework_core import ConfigurationError
text = """
dataPlane:
  backplane:
    type: openTelemetry
    options: {options}
"""
try:
    load_text(text, name="experiments.yaml", find_plugin=find_plugin)
except ConfigurationError as error:
    print(error)
'''

    said = run(script)

    assert said.startswith("experiments.yaml:5:")
    assert f'pip install "experimentframework[{extra}]"' in said
    assert module in said


def test_all_else_works_without_the_packages() -> None:
    """Given no OpenTelemetry, When events go elsewhere, Then they arrive, without a trace."""
    script = """
import asyncio
from experimentframework_core import DataPlane
from experimentframework_core.testing import Sink, make_exposure
async def main():
    sink = Sink()
    async with DataPlane(backplane=sink) as plane:
        await plane.publish(make_exposure())
    print(len(sink.records), sink.records[0].traceparent)
asyncio.run(main())
"""

    said = run(script)

    assert said == "1 None\n"


def test_a_plugin_that_is_opened_without_a_check_says_it_too() -> None:
    """Given an unchecked plugin, When it is opened without its packages, Then the error says so."""
    script = """
import asyncio
from experimentframework_core import PluginError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.backplanes.opentelemetry import plugin, OpenTelemetryOptions
async def main():
    try:
        async with plugin.open(OpenTelemetryOptions(), OpenContext(name="otel")):
            pass
    except PluginError as error:
        print(error.plugin, error)
asyncio.run(main())
"""

    said = run(script)

    assert said.startswith("openTelemetry the type openTelemetry without endpoint needs")
