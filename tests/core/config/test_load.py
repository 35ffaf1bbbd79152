"""Files: those that load, and those that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experimentframework_core.config import Configuration, DataPlaneOptions, load_file
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugins import find_plugin as find_installed_plugin
from tests.core.config.sample_plugins import CourierOptions, Speed, find_plugin, load

examples = sorted((Path(__file__).parents[3] / "docs" / "examples").glob("*.yaml"))


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_file(path, find_plugin)
    return str(caught.value)


def test_a_file_gives_the_options_it_says(tmp_path: Path) -> None:
    """Given a file with values of every kind, When it is loaded, Then they are typed."""
    file = tmp_path / "experiments.yaml"
    file.write_text(
        "experimentFramework:\n"
        "  dataPlane:\n"
        "    flushIntervalMs: 1.5s\n"
        "    batchBytes: 64KiB\n"
        "    backplane:\n"
        "      type: courier\n"
        "      events: [exposure, outcome]\n"
        "      options: {addresses: [a, b], acks: 1, speed: fast, weight: 2, extra: {x: [1, ~]}}\n"
    )

    options = load_file(file, find_plugin).data_plane

    assert options is not None
    assert (options.flush_interval_ms, options.batch_bytes) == (1500, 65_536)
    assert options.backplane is not None
    assert options.backplane.events == ("exposure", "outcome")
    assert options.backplane.options == CourierOptions(
        addresses=("a", "b"), acks=1, speed=Speed.FAST, weight=2.0, extra={"x": [1, None]}
    )


@pytest.mark.parametrize("name", ["e.yaml", "e.json"])
@pytest.mark.parametrize(("written", "meant"), [('"1"', 1), ("0", 0), ('"all"', "all")])
def test_quotes_make_no_other_choice(name: str, written: str, meant: object) -> None:
    """Given a choice that is a number, When it stands in quotes, Then it is the same choice."""
    node = f'{{"type": "courier", "options": {{"addresses": "a", "acks": {written}}}}}'

    loaded = load(f'{{"dataPlane": {{"backplane": {node}}}}}', name)

    assert loaded.backplane is not None
    assert getattr(loaded.backplane.options, "acks", None) == meant


def test_json_says_the_same_as_yaml() -> None:
    """Given one configuration in JSON and YAML, When both are loaded, Then they are equal."""
    document = {"dataPlane": {"retry": {"maxAttempts": 3}, "backplane": {"type": "plain"}}}

    from_json = load(json.dumps(document, indent="\t"), "e.json")
    from_yaml = load("dataPlane:\n  retry: {maxAttempts: 3}\n  backplane: {type: plain}\n")

    assert isinstance(from_json, DataPlaneOptions)
    assert from_json == from_yaml


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "missing.yaml"

    said = refusal(path)

    expected = "cannot be read: No such file or directory; expected a YAML or JSON file"
    assert said == f"{path}: {expected}"


def test_a_folder_without_a_configuration_is_a_problem(tmp_path: Path) -> None:
    said = refusal(tmp_path)

    assert said == (
        f"{tmp_path}: no configuration in this folder; expected experiments.yaml,"
        " experiments.yml, experiments.json or files in ExperimentDefinitions/"
    )


def test_an_impossible_name_is_a_problem() -> None:
    said = refusal(Path("a\0b"))

    assert said.endswith("cannot be read: embedded null byte; expected a YAML or JSON file")


def test_a_file_over_the_limit_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    file.write_bytes(b"#" * (1024 * 1024 + 1))

    said = refusal(file)

    assert said == f"{file}: too large; expected at most 1 MiB"


@pytest.mark.parametrize("example", examples, ids=lambda path: path.name)
def test_every_example_is_valid(example: Path) -> None:
    """Given an example of the docs, When the installed plugins load it, Then it is good."""
    configuration = load_file(example, find_installed_plugin)

    assert configuration != Configuration()


@pytest.mark.parametrize("indent", ["", "experimentFramework:\n  "])
def test_a_root_may_say_where_its_schema_is(indent: str) -> None:
    """Given the key $schema at the root, When it is loaded, Then it is passed over."""
    options = load(f"$schema: ./schema.json\n{indent}dataPlane: {{backplane: {{type: plain}}}}\n")

    assert options.backplane is not None


def test_only_the_root_may_say_where_its_schema_is() -> None:
    """Given the key $schema in a section, When it is loaded, Then it is an unknown key."""
    with pytest.raises(ConfigurationError) as caught:
        load("dataPlane: {$schema: x, backplane: {type: plain}}\n")

    assert [problem.path for problem in caught.value.problems] == ["dataPlane.$schema"]
