"""The settings in effect, with who said them and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.cli import _configuration
from experimentframework_core.cli._settings import Setting, as_text, settings_of
from experimentframework_core.config import read_configuration
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
dataPlane:
  maxQueueSize: 50
  batchBytes: 2MiB
  samplingRate: 1.0
  retry: {maxAttempts: 3}
  piiRedaction: {hashKey: hunter2}
  backplane:
    type: composite
    backplanes:
      - type: courier
        name: north
        batchSize: 10
        options:
          addresses: [a, b]
          lingerMs: 7
          routes: {to_the_north: x}
          login: {userName: me, password: hunter2}
      - type: plain
        buffer: {maxEvents: 5}
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Setting]:
    """Return the settings of the text by their paths."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_configuration, "find_plugin", find_plugin)
    (tmp_path / "e.yaml").write_text(TEXT)
    return {each.path: each for each in settings_of(read_configuration("e.yaml", find_plugin))}


@pytest.mark.parametrize(
    ("path", "value", "source", "at"),
    [
        ("dataPlane.samplingRate", 1.0, "dataPlane", "e.yaml:4"),
        ("dataPlane.exposureSemantics", "onDecision", "default", "default"),
        ("dataPlane.maxQueueSize", 50, "dataPlane", "e.yaml:2"),
        ("dataPlane.piiRedaction.hashKey", "***", "dataPlane", "e.yaml:6"),
        ("dataPlane.piiRedaction.redactFields", (), "default", "default"),
        ("north.type", "courier", "backplane", "e.yaml:10"),
        ("north.batchSize", 10, "backplane", "e.yaml:12"),
        ("north.batchBytes", 2 * 1024 * 1024, "dataPlane", "e.yaml:3"),
        ("north.flushIntervalMs", 7, "plugin", "plugin default"),
        ("north.options.addresses", ("a", "b"), "options", "e.yaml:14"),
        ("north.options.lingerMs", 7, "options", "e.yaml:15"),
        ("north.options.routes.to_the_north", "x", "options", "e.yaml:16"),
        ("north.options.login.userName", "me", "options", "e.yaml:17"),
        ("north.options.login.password", "***", "options", "e.yaml:17"),
        ("north.options.speed", "slow", "default", "default"),
        ("north.retry.maxAttempts", 3, "dataPlane", "e.yaml:5"),
        ("north.retry.multiplier", 2.0, "default", "default"),
        ("north.buffer.maxEvents", 50, "dataPlane", "e.yaml:2"),
        ("north.concurrency", 1, "default", "default"),
        ("plain.type", "plain", "backplane", "e.yaml:18"),
        ("plain.buffer.maxEvents", 5, "backplane", "e.yaml:19"),
        ("plain.buffer.whenFull", "dropNewest", "default", "default"),
    ],
)
def test_a_setting_says_who_said_it_and_where(
    settings: dict[str, Setting], path: str, value: object, source: str, at: str
) -> None:
    """Given settings of every origin, When they are listed, Then each tells its own."""
    found = settings[path]

    assert found == Setting(path, value, source, at)


def test_no_secret_is_among_them(settings: dict[str, Setting]) -> None:
    assert "hunter2" not in str([as_text(each.value) for each in settings.values()])


def test_a_configuration_with_errors_has_none(tmp_path: Path) -> None:
    assert list(settings_of(read_configuration(tmp_path, find_plugin))) == []


def test_what_came_from_outside_is_shown_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given values from the environment and a file, When listed, Then none of them is shown."""
    monkeypatch.setattr(_configuration, "find_plugin", find_plugin)
    monkeypatch.setenv("HIDDEN", "hunter2")
    monkeypatch.setenv("MANY", "7077")
    (tmp_path / "key").write_text("hunter2")
    (tmp_path / "experiments.yaml").write_text(f"""\
decorators:
  - type: custom
    typeName: shop.Tracing
    options: {{token: '${{HIDDEN}}', nested: [{{key: '${{file:{tmp_path}/key}}'}}], plain: x}}
governance:
  policies:
    - {{type: shop.Freeze, properties: {{password: '${{HIDDEN}}'}}}}
dataPlane:
  maxQueueSize: ${{MANY}}
  batchSize: ${{MANY}}
  piiRedaction: {{hashKey: '${{NOT_SET_HERE:-hunter2}}'}}
  backplane:
    type: courier
    name: ${{HIDDEN}}
    buffer:
      maxBytes: ${{MANY}}
    options:
      addresses: [a, '${{HIDDEN}}']
      routes: {{user.name: '${{HIDDEN}}'}}
      extra: {{password: '${{HIDDEN}}'}}
""")

    loaded = read_configuration(tmp_path, find_plugin)
    found = {each.path: each for each in settings_of(loaded)}

    assert not any(text in str(found) for text in ("hunter2", "7077"))
    assert found["decorators[0].options.nested[0].key"].value == f"${{file:{tmp_path}/key}}"
    assert found["decorators[0].options.plain"].value == "x"
    assert found["governance.policies[0].properties.password"].value == "${HIDDEN}"
    assert found["dataPlane.piiRedaction.hashKey"].value == "***"
    assert found["${HIDDEN}.batchSize"].value == "${MANY}"
    assert found["${HIDDEN}.buffer.maxBytes"].value == "${MANY}"
    assert found["${HIDDEN}.options.addresses"].value == ("a", "${HIDDEN}")
    assert found["${HIDDEN}.options.routes.user.name"].value == "${HIDDEN}"
    assert found["${HIDDEN}.options.extra.password"].value == "${HIDDEN}"
