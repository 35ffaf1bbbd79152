"""Rules of hypotheses: endpoints, margins, and the conditions that they compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._problems.breach import Breach
from experimentframework_core.config._problems.report import unknown
from experimentframework_core.config._rules.names import repeated, taken
from experimentframework_core.config._rules.trials import condition_keys
from experimentframework_core.events import OutcomeType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.config._model.experiments import ExperimentOptions
    from experimentframework_core.config._model.hypotheses import EndpointOptions, HypothesisOptions

_MARGINS = {
    "nonInferiority": "nonInferiorityMargin",
    "equivalence": "equivalenceMargin",
}


def hypothesis_breaches(hypothesis: HypothesisOptions, path: str) -> Iterator[Breach]:
    """Yield endpoints of one name, and margins that are missing or belong to another type."""
    endpoints = [hypothesis.primary_endpoint, *hypothesis.secondary_endpoints]
    places = [f"{path}.primaryEndpoint"]
    places += [f"{path}.secondaryEndpoints[{i}]" for i in range(len(endpoints) - 1)]
    names = [endpoint.name for endpoint in endpoints]
    yield from taken([f"{place}.name" for place in places], names, "name", "endpoint", about=path)
    yield from _margins(hypothesis, path)


def _margins(hypothesis: HypothesisOptions, path: str) -> Iterator[Breach]:
    criteria, reads = hypothesis.success_criteria, (f"{path}.type",)
    given = {
        "nonInferiority": criteria.non_inferiority_margin,
        "equivalence": criteria.equivalence_margin,
    }
    for kind, margin in given.items():
        where = f"{path}.successCriteria.{_MARGINS[kind]}"
        if kind == hypothesis.type and margin is None:
            yield Breach(where, f"missing; a hypothesis of type {kind} needs it", reads)
        if kind != hypothesis.type and margin is not None:
            message = f"has no effect on a hypothesis of type {hypothesis.type}; leave it out"
            yield Breach(where, message, reads)


def compared_breaches(experiment: ExperimentOptions, path: str) -> Iterator[Breach]:
    """Yield conditions that the hypothesis compares and no trial of the experiment has."""
    hypothesis, where = experiment.hypothesis, f"{path}.hypothesis"
    if hypothesis is None:
        return
    keys = list(dict.fromkeys(key for trial in experiment.trials for key in condition_keys(trial)))
    control = hypothesis.control_condition
    named = [(f"{where}.controlCondition", control)] if control is not None else []
    treatments = hypothesis.treatment_conditions
    named += [(f"{where}.treatmentConditions[{i}]", key) for i, key in enumerate(treatments)]
    for place, key in named:
        if key not in keys:
            yield Breach(place, unknown("condition", key, keys), (f"{path}.trials",), path)
    for index, key in enumerate(treatments):
        place = f"{where}.treatmentConditions[{index}]"
        if key == control:
            message = "the same as controlCondition; a condition is not compared with itself"
            yield Breach(place, message, (f"{where}.controlCondition",))
    yield from repeated(f"{where}.treatmentConditions", treatments)


def endpoint_breaches(endpoint: EndpointOptions, path: str) -> Iterator[Breach]:
    """Yield a direction that is none, and a share that cannot be."""
    if endpoint.higher_is_better and endpoint.lower_is_better:
        message = "says the opposite of higherIsBetter; leave one out"
        yield Breach(f"{path}.lowerIsBetter", message, (f"{path}.higherIsBetter",))
    baseline = endpoint.expected_baseline
    is_share = endpoint.outcome_type is OutcomeType.BINARY
    if is_share and baseline is not None and not 0 <= baseline <= 1:
        message = "out of range; expected a share from 0 to 1, for the outcome is binary"
        yield Breach(f"{path}.expectedBaseline", message, (f"{path}.outcomeType",))
