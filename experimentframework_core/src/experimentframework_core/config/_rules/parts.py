"""Which rules hold for which node of the sections around ``dataPlane``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from experimentframework_core.config._model import decorators, governance, selection
from experimentframework_core.config._model import experiments as experiment_model
from experimentframework_core.config._model.hypotheses import EndpointOptions, HypothesisOptions
from experimentframework_core.config._model.root import SettingsOptions
from experimentframework_core.config._problems.breach import Breach, note
from experimentframework_core.config._problems.report import unknown
from experimentframework_core.config._rules.decorators import (
    breaker_breaches,
    outcome_breaches,
    timeout_breaches,
)
from experimentframework_core.config._rules.governance import (
    conflict_breaches,
    gate_breaches,
    governance_breaches,
    persistence_breaches,
    policy_breaches,
)
from experimentframework_core.config._rules.hypotheses import (
    compared_breaches,
    endpoint_breaches,
    hypothesis_breaches,
)
from experimentframework_core.config._rules.kinds import kind_breaches
from experimentframework_core.config._rules.names import taken
from experimentframework_core.config._rules.trials import (
    activation_breaches,
    stage_breaches,
    targeting_breaches,
    targeting_rule_breaches,
    trial_breaches,
)
from experimentframework_core.config._tree import below
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.config._walk.kinds import A_TYPE_IN_CODE, is_in_code

if TYPE_CHECKING:
    import msgspec

    from experimentframework_core.config._walk.parts import PartWalk

_Rule: TypeAlias = Callable[[Any, str], Iterator[Breach]]


def _settings_breaches(settings: SettingsOptions, path: str) -> Iterator[Breach]:
    convention = settings.naming_convention
    if convention != "default" and not is_in_code(convention):
        known = ("default", A_TYPE_IN_CODE)
        yield Breach(f"{path}.namingConvention", unknown("convention", convention, known))


_RULES: dict[type[msgspec.Struct], _Rule] = {
    SettingsOptions: _settings_breaches,
    decorators.TimeoutDecoratorOptions: timeout_breaches,
    decorators.CircuitBreakerDecoratorOptions: breaker_breaches,
    decorators.OutcomeCollectionDecoratorOptions: outcome_breaches,
    selection.StagedRolloutOptions: stage_breaches,
    selection.TargetingOptions: targeting_breaches,
    selection.TargetingRuleOptions: targeting_rule_breaches,
    experiment_model.ActivationOptions: activation_breaches,
    experiment_model.TrialOptions: trial_breaches,
    experiment_model.ExperimentOptions: compared_breaches,
    EndpointOptions: endpoint_breaches,
    HypothesisOptions: hypothesis_breaches,
    governance.GovernanceOptions: governance_breaches,
    governance.ApprovalGateOptions: gate_breaches,
    governance.PolicyOptions: policy_breaches,
    governance.PersistenceOptions: persistence_breaches,
}


def check_parts(walk: PartWalk) -> None:
    """Note in the walk's report each rule that is broken between settings good by themselves."""
    note(_breaches(walk), walk.report)


def _breaches(walk: PartWalk) -> Iterator[Breach]:
    for part in walk.parts:
        yield from kind_breaches(part)
        if rule := _RULES.get(type(part.value)):
            yield from rule(part.value, part.path)
        for field in fields_of(type(part.value)):
            value = getattr(part.value, field.name)
            if isinstance(value, dict):
                yield from _not_json(value, f"{part.path}.{field.encode_name}")
    paths, names = [path for path, _ in walk.names], [name for _, name in walk.names]
    yield from taken(paths, names, "name", "experiment", about="experiments")
    policies = [
        (part.path, part.value)
        for part in walk.parts
        if isinstance(part.value, governance.PolicyOptions)
    ]
    yield from conflict_breaches(policies, names)


def _not_json(value: object, path: str) -> Iterator[Breach]:
    """Yield what JSON cannot hold in what may hold anything else."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _not_json(each, below(path, str(key)))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _not_json(each, below(path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield Breach(path, f"not a finite number: {value}; JSON has none of these")
    elif not isinstance(value, str | int | float | bool | None):
        message = f"unexpected {type(value).__name__}; expected what JSON can hold"
        yield Breach(path, message)
