"""What the sections beside dataPlane may not say, with the exact words of each problem."""

from __future__ import annotations

import textwrap

import pytest

from tests.core.config.test_check import cases, problems

HYPOTHESIS = {
    "name": "better",
    "type": "superiority",
    "nullHypothesis": "none",
    "alternativeHypothesis": "some",
    "primaryEndpoint": "{name: paid, outcomeType: binary}",
    "expectedEffectSize": "0.05",
    "successCriteria": "{}",
}
TRIAL = (
    "{serviceType: shop.Cart, selectionMode: {type: featureFlag},"
    " control: {key: a, implementationType: A},"
    " conditions: [{key: b, implementationType: B}]}"
)


def in_decorators(block: str) -> str:
    return f"decorators:\n- {block}\n"


def in_trials(block: str) -> str:
    return f"trials:\n-\n{textwrap.indent(block, '  ')}\n"


def in_selection_mode(block: str) -> str:
    return f"trials:\n- {TRIAL.replace('{type: featureFlag}', block)}\n"


def in_experiments(block: str) -> str:
    return f"experiments:\n{block.replace('[T]', f'[{TRIAL}]')}\n"


def in_hypothesis(block: str) -> str:
    key, _, value = block.partition(":")
    lines = [f"    {name}: {said}" for name, said in {**HYPOTHESIS, key: value.strip()}.items()]
    return "\n".join([f"experiments:\n- name: x\n  trials: [{TRIAL}]\n  hypothesis:", *lines])


def in_governance(block: str) -> str:
    return f"governance:\n  {block}\n"


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
