"""The texts of ``bad/``, each with its problems, and the documents they stand in."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import load

FOLDER = Path(__file__).parent / "bad"

Case = tuple[str, list[str]]


def cases(name: str) -> list[Case]:
    """Return the texts of one file of ``bad/``, each with the problems behind its arrows."""
    _, *blocks = (FOLDER / f"{name}.txt").read_text("utf-8").split("\n\n")
    return [case(block.strip().splitlines()) for block in blocks]


def case(lines: list[str]) -> Case:
    text = "\n".join(line for line in lines if not line.startswith("=> "))
    return text, [line.replace("=> ", "e.yaml:", 1) for line in lines if line.startswith("=> ")]


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    return str(caught.value).splitlines()


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
