"""Rules of trials: their conditions, and everything that names one of them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from experimentframework_core.config._model.selection import (
    RolloutOptions,
    StagedRolloutOptions,
    TargetingOptions,
    TargetingRuleOptions,
)
from experimentframework_core.config._problems.breach import Breach
from experimentframework_core.config._problems.report import listed, unknown
from experimentframework_core.config._rules.names import repeated, taken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.config._model.experiments import ActivationOptions, TrialOptions


_ROLLOUTS = ("rollout", "stagedRollout")
_INCLUDED = RolloutOptions().included_key


def trial_breaches(trial: TrialOptions, path: str) -> Iterator[Breach]:
    """Yield condition keys that are taken, and names of conditions that there are not."""
    conditions = (f"{path}.control", f"{path}.conditions")
    keys = condition_keys(trial)
    places = [f"{path}.control", *(f"{path}.conditions[{i}]" for i in range(len(keys) - 1))]
    yield from taken([f"{place}.key" for place in places], keys, "key", "condition", about=path)
    for where, key in _named_conditions(trial, path):
        if key not in keys:
            yield Breach(where, unknown("condition", key, keys), conditions, about=path)
    yield from _unsaid_condition(trial, path, conditions)
    yield from repeated(f"{path}.errorPolicy.fallbackKeys", trial.error_policy.fallback_keys)


def condition_keys(trial: TrialOptions) -> list[str]:
    """Return the keys of a trial's conditions, the control's first."""
    return [trial.control.key, *(condition.key for condition in trial.conditions)]


def _named_conditions(trial: TrialOptions, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and key wherever a trial names a condition."""
    policy, mode = trial.error_policy, trial.selection_mode
    if policy.type == "fallbackTo" and policy.fallback_key is not None:
        yield f"{path}.errorPolicy.fallbackKey", policy.fallback_key
    if policy.type == "tryInOrder":
        for index, key in enumerate(policy.fallback_keys):
            yield f"{path}.errorPolicy.fallbackKeys[{index}]", key
    options = f"{path}.selectionMode.options"
    said = mode.options
    if isinstance(said, RolloutOptions | StagedRolloutOptions):
        if said.included_key != _INCLUDED:
            yield f"{options}.includedKey", said.included_key
        if said.excluded_key is not None:
            yield f"{options}.excludedKey", said.excluded_key
    if isinstance(said, TargetingOptions):
        for index, rule in enumerate(said.rules):
            yield f"{options}.rules[{index}].variantKey", rule.variant_key


def _unsaid_condition(
    trial: TrialOptions, path: str, conditions: tuple[str, ...]
) -> Iterator[Breach]:
    """Yield a rollout to the condition ``true``, as it is by default, where there is none."""
    mode, keys, where = trial.selection_mode, condition_keys(trial), f"{path}.selectionMode"
    said = mode.options or RolloutOptions() if mode.type in _ROLLOUTS else None
    if getattr(said, "included_key", None) == _INCLUDED and _INCLUDED not in keys:
        message = f"unknown condition '{_INCLUDED}', which is the default; expected {listed(keys)}"
        reads = (*conditions, f"{where}.options", f"{where}.includedKey", f"{where}.type")
        yield Breach(f"{where}.options.includedKey", message, reads, about=path)


def activation_breaches(activation: ActivationOptions, path: str) -> Iterator[Breach]:
    """Yield an end that does not lie behind the beginning."""
    if activation.from_ and activation.until and activation.until <= activation.from_:
        yield Breach(f"{path}.until", "not after from", (f"{path}.from",))


def stage_breaches(rollout: StagedRolloutOptions, path: str) -> Iterator[Breach]:
    """Yield stages that do not begin after the one before."""
    for index, (one, other) in enumerate(pairwise(rollout.stages), start=1):
        if other.starts_at <= one.starts_at:
            reads = (f"{path}.stages[{index - 1}].startsAt",)
            yield Breach(f"{path}.stages[{index}].startsAt", "not after the stage before", reads)


def targeting_breaches(targeting: TargetingOptions, path: str) -> Iterator[Breach]:
    """Yield rules that are for everybody before the last one, and are never passed by."""
    for index, rule in enumerate(targeting.rules[:-1]):
        if rule.attribute is None:
            message = "missing; only the last rule can be for everybody"
            yield Breach(f"{path}.rules[{index}].attribute", message)


def targeting_rule_breaches(rule: TargetingRuleOptions, path: str) -> Iterator[Breach]:
    """Yield a rule without, or with two, things to compare its attribute to."""
    said = [key for key, value in (("value", rule.value), ("values", rule.values)) if _given(value)]
    if rule.attribute is None:
        for key in said:
            message = "has no effect without an attribute; leave it out, or say attribute"
            yield Breach(f"{path}.{key}", message, (f"{path}.attribute",))
    elif not said:
        message = "missing; expected what the attribute must be, or values"
        yield Breach(f"{path}.value", message, (f"{path}.values",))
    elif len(said) > 1:
        yield Breach(f"{path}.value", "says the same as values; leave one out", (f"{path}.values",))


def _given(value: object) -> bool:
    return value is not None and value != ()
