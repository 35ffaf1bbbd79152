"""What the sections beside dataPlane may not say, with the exact words of each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.config import read_configuration
from tests.core.config.bad_lines import (
    TRIAL,
    cases,
    in_decorators,
    in_experiments,
    in_governance,
    in_hypothesis,
    in_selection_mode,
    in_trials,
    problems,
)
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("block", "expected"), cases("decorators"))
def test_a_bad_decorator_is_said_exactly(block: str, expected: list[str]) -> None:
    """Given one bad decorator, When it is loaded, Then its problems say place and mend."""
    found = problems(in_decorators(block))

    assert found == expected


@pytest.mark.parametrize(("block", "expected"), cases("selection"))
def test_a_bad_selection_mode_is_said_exactly(block: str, expected: list[str]) -> None:
    """Given one bad selection mode, When it is loaded, Then its problems say place and mend."""
    found = problems(in_selection_mode(block))

    assert found == expected


@pytest.mark.parametrize(("block", "expected"), cases("trials"))
def test_a_bad_trial_is_said_exactly(block: str, expected: list[str]) -> None:
    """Given one bad trial, When it is loaded, Then its problems say place and mend."""
    found = problems(in_trials(block))

    assert found == expected


@pytest.mark.parametrize(("block", "expected"), cases("experiments"))
def test_bad_experiments_are_said_exactly(block: str, expected: list[str]) -> None:
    """Given a bad list of experiments, When it is loaded, Then its problems say place and mend."""
    found = problems(in_experiments(block))

    assert found == expected


@pytest.mark.parametrize(("block", "expected"), cases("hypotheses"))
def test_a_bad_hypothesis_is_said_exactly(block: str, expected: list[str]) -> None:
    """Given one bad line of a hypothesis, When it is loaded, Then its problems say the mend."""
    found = problems(in_hypothesis(block))

    assert found == expected


@pytest.mark.parametrize(("block", "expected"), cases("governance"))
def test_a_bad_governance_is_said_exactly(block: str, expected: list[str]) -> None:
    """Given one bad line of governance, When it is loaded, Then its problems say place and mend."""
    found = problems(in_governance(block))

    assert found == expected


@pytest.mark.parametrize(("block", "expected"), cases("settings"))
def test_bad_settings_are_said_exactly(block: str, expected: list[str]) -> None:
    """Given bad settings, When they are loaded, Then their problems say place and mend."""
    found = problems(f"{block}\n")

    assert found == expected


def test_a_conflict_with_an_unknown_experiment_is_a_warning(tmp_path: Path) -> None:
    """Given a policy about an experiment that there is not, When loaded, Then it is good still."""
    file = tmp_path / "e.yaml"
    policy = "{type: conflictPrevention, conflictingExperiments: [CHECKOUT, chekout2]}"
    file.write_text(
        f"experiments: [{{name: checkout, trials: [{TRIAL}]}}]\n"
        f"governance:\n  policies: [{policy}]\n"
    )

    loaded = read_configuration(file, find_plugin)

    assert loaded.configuration is not None
    assert [str(problem) for problem in loaded.problems] == [
        (
            f"{file}:3:76: warning: governance.policies[0].conflictingExperiments[1]: unknown"
            " experiment 'chekout2'; expected checkout; did you mean 'checkout'?"
        )
    ]


def test_a_conflict_is_not_judged_where_experiments_have_problems() -> None:
    """Given an experiment that cannot be read, When a policy names it, Then nothing is said."""
    policy = "{type: conflictPrevention, conflictingExperiments: [checkout]}"

    found = problems(f"experiments: [{{name: 1}}]\ngovernance:\n  policies: [{policy}]\n")

    assert all("governance" not in problem for problem in found)


def test_what_came_from_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given names from variables, When a rule quotes them, Then the expressions are shown."""
    monkeypatch.setenv("CONDITION", "hunter2")
    text = in_trials(
        "serviceType: shop.Cart\n"
        "selectionMode: {type: featureFlag}\n"
        "control: {key: a, implementationType: A}\n"
        'conditions: [{key: "${CONDITION}", implementationType: B}]\n'
        "errorPolicy: {type: fallbackTo, fallbackKey: hunter}"
    )

    (found,) = problems(text)

    assert found == (
        "e.yaml:7:35: trials[0].errorPolicy.fallbackKey: unknown condition 'hunter';"
        " expected a or ${CONDITION}; did you mean '${CONDITION}'?"
    )


def test_problems_of_all_sections_come_at_once() -> None:
    """Given one thing wrong in every section, When it is loaded, Then all are said, in order."""
    found = problems(
        "settings: {proxyStrategy: none}\n"
        "decorators: [{type: logging}, {type: custom}]\n"
        "configurationPaths: 3\n"
        "trials: [{serviceType: x}]\n"
        f"experiments: [{{name: x, trials: [{TRIAL}]}}, {{name: X, trials: []}}]\n"
        "dataPlane: {batchSize: 0, backplane: {type: plain}}\n"
        "governance: {persistence: {type: sql}}\n"
    )

    errors = [line for line in found if " warning: " not in line]
    assert [line.split(" ")[1] for line in errors] == [
        "settings.proxyStrategy:",
        "decorators[1].typeName:",
        "configurationPaths:",
        "trials[0].selectionMode:",
        "trials[0].control:",
        "experiments[1].name:",
        "experiments[1].trials:",
        "dataPlane.batchSize:",
        "governance.persistence.connectionString:",
    ]
