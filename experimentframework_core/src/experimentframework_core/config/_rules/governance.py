"""Rules of governance: gates, policies and where it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._problems.breach import Breach
from experimentframework_core.config._problems.report import unknown
from experimentframework_core.config._rules.names import repeated, taken
from experimentframework_core.config._walk.kinds import A_TYPE_IN_CODE, is_in_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.config._model.governance import (
        ApprovalGateOptions,
        GovernanceOptions,
        PersistenceOptions,
        PolicyOptions,
    )

_PROVIDERS = ("sqlserver", "postgresql", "sqlite")


def governance_breaches(governance: GovernanceOptions, path: str) -> Iterator[Breach]:
    """Yield names of policies that are taken."""
    keys = ["name" if each.name else "type" for each in governance.policies]
    paths = [f"{path}.policies[{index}].{key}" for index, key in enumerate(keys)]
    names = [each.name or each.type for each in governance.policies]
    yield from taken(paths, names, "name", "policy", about=path)


def gate_breaches(gate: ApprovalGateOptions, path: str) -> Iterator[Breach]:
    """Yield a gate between a state and itself, and a role that stands twice."""
    yield from repeated(f"{path}.allowedRoles", gate.allowed_roles)
    if gate.from_state == gate.to_state:
        yield Breach(f"{path}.toState", "the same as fromState", (f"{path}.fromState",))


def policy_breaches(policy: PolicyOptions, path: str) -> Iterator[Breach]:
    """Yield a window that is never open, and an experiment that stands twice."""
    experiments = policy.conflicting_experiments
    yield from repeated(f"{path}.conflictingExperiments", experiments, same=str.casefold)
    if policy.allowed_start_time and policy.allowed_start_time == policy.allowed_end_time:
        message = "the same as allowedStartTime; the window would never be open"
        yield Breach(f"{path}.allowedEndTime", message, (f"{path}.allowedStartTime",))


def persistence_breaches(persistence: PersistenceOptions, path: str) -> Iterator[Breach]:
    """Yield a database that is neither known nor in code."""
    provider = persistence.provider
    if provider is not None and provider not in _PROVIDERS and not is_in_code(provider):
        known = (*_PROVIDERS, A_TYPE_IN_CODE)
        yield Breach(f"{path}.provider", unknown("provider", provider, known))


def conflict_breaches(
    policies: Sequence[tuple[str, PolicyOptions]], names: Sequence[str]
) -> Iterator[Breach]:
    """Yield, as warnings, experiments that must not run beside others and that there are not."""
    known = {name.casefold() for name in names}
    for path, policy in policies:
        for index, name in enumerate(policy.conflicting_experiments):
            if name.casefold() not in known:
                yield Breach(
                    f"{path}.conflictingExperiments[{index}]",
                    unknown("experiment", name, names),
                    ("experiments",),
                    about="",
                    severity="warning",
                )
