"""What a plugin says of its own options."""

from __future__ import annotations

from importlib import metadata

import pytest

from experimentframework_core.config import load_text, read_configuration
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugins import find_plugin as installed
from tests.core.config.sample_plugins import find_plugin, load


def courier(code: str) -> str:
    return f"dataPlane:\n  backplane: {{type: courier, options: {{addresses: a, code: {code}}}}}\n"


def test_a_warning_of_a_plugin_keeps_nothing_from_loading(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Given a check that warns, When loaded, Then the configuration is good, the warning kept."""
    file = tmp_path_factory.mktemp("warned") / "e.yaml"
    file.write_text(courier("odd"))

    loaded = read_configuration(file, find_plugin)

    (problem,) = loaded.problems
    assert loaded.configuration is not None
    assert (problem.severity, problem.line, problem.message) == (
        "warning",
        2,
        "an odd code is slow",
    )


def test_a_warning_stands_beside_the_errors(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Given a warning and an error, When refused, Then the error holds both, each with its word."""
    text = courier("odd") + "  batchSize: 0\n"

    with pytest.raises(ConfigurationError) as caught:
        load(text)

    assert [problem.severity for problem in caught.value.problems] == ["warning", "error"]
    assert ": warning: dataPlane.backplane.options.code: " in str(caught.value)


def test_a_severity_that_is_none_is_a_bug_of_the_plugin() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(courier("worse"))

    (problem,) = caught.value.problems
    assert problem.path == "dataPlane.backplane.type"
    assert "failed in its check: ValueError: 'terrible' is no severity" in problem.message


def test_installed_types_are_looked_up_once_for_a_whole_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given many unknown types, When they are checked, Then packages are searched once a group."""
    scans: list[str] = []
    search = metadata.entry_points

    def counted(*, group: str) -> metadata.EntryPoints:
        scans.append(group)
        return search(group=group)

    monkeypatch.setattr(metadata, "entry_points", counted)
    nodes = ", ".join(f"{{type: unknown-{number}}}" for number in range(300))
    plane = f"dataPlane: {{backplane: {{type: composite, backplanes: [{nodes}]}}}}"
    text = f"decorators: [{nodes}]\n{plane}\n"

    with pytest.raises(ConfigurationError) as caught:
        load_text(text, find_plugin=installed)

    assert len(caught.value.problems) == 600
    assert sorted(scans) == ["experimentframework.backplanes", "experimentframework.decorators"]
