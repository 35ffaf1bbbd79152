"""What is valid and does nothing yet is said, so that nobody takes valid for running."""

from __future__ import annotations

from pathlib import Path

from experimentframework_core.config import (
    BackplaneOptions,
    Configuration,
    DataPlaneOptions,
    DecoratorOptions,
    load_file,
    notices,
)
from experimentframework_core.plugins import find_plugin

example = Path(__file__).parents[4] / "docs" / "examples" / "experiments.yaml"


def test_each_section_that_is_only_read_has_a_notice() -> None:
    """Given every section, When notices are asked for, Then each that does nothing has one."""
    configuration = load_file(example, find_plugin)

    found = notices(configuration)

    assert {notice.severity for notice in found} == {"information"}
    assert [(notice.path, notice.message) for notice in found] == [
        (
            "settings",
            "validated and offered as config.settings; nothing reads it in this version",
        ),
        (
            "decorators",
            (
                "validated and offered as config.decorators; nothing is wrapped by it in this"
                " version; outcomeCollection and exposureLogging will act through plane.expose()"
                " in a later one"
            ),
        ),
        (
            "trials",
            "validated and offered as config.trials; nothing is selected by it in this version",
        ),
        (
            "experiments",
            (
                "validated and offered as config.experiments; nothing is selected by it in this"
                " version"
            ),
        ),
        (
            "governance",
            "validated and offered as config.governance; nothing is governed by it in this version",
        ),
    ]


def test_what_runs_has_no_notice() -> None:
    """Given a data plane only, When notices are asked for, Then there is none."""
    plane = DataPlaneOptions(backplane=BackplaneOptions(type="inMemory"))

    found = notices(Configuration(data_plane=plane, configuration_paths=("more.yaml",)))

    assert found == []


def test_a_decorator_that_will_not_act_promises_nothing() -> None:
    """Given a decorator of another kind, When notices are asked for, Then none says later."""
    (found,) = notices(Configuration(decorators=(DecoratorOptions(type="metrics"),)))

    assert "later" not in found.message
