"""Who may start, ramp and stop experiments, and within which limits."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from experimentframework_core.config._model.data_plane import Options
from experimentframework_core.config._model.values import Free, Label, Name, TimeOfDay
from experimentframework_core.units import Milliseconds, Secret

LifecycleState: TypeAlias = Literal[
    "Draft",
    "PendingApproval",
    "Approved",
    "Running",
    "Ramping",
    "Paused",
    "RolledBack",
    "Archived",
    "Rejected",
]
"""The states of an experiment's life."""


class ApprovalGateOptions(Options, frozen=True, kw_only=True):
    """What has to be approved before an experiment changes its state.

    Attributes:
        type: ``automatic``, ``manual``, ``roleBased``, or the name of a type in code, with its
            module, as in ``my_app.FreezeGate``.
        from_state: The state before. None: any.
        to_state: The state after.
        allowed_roles: Who may approve; required for ``roleBased``.
        properties: Anything that a type in code reads.
    """

    type: Label
    from_state: LifecycleState | None = None
    to_state: LifecycleState
    allowed_roles: tuple[Label, ...] = ()
    properties: Free = msgspec.field(default_factory=dict)


class PolicyOptions(Options, frozen=True, kw_only=True):
    """A limit that experiments have to stay within.

    Attributes:
        type: ``trafficLimit``, ``errorRate``, ``timeWindow``, ``conflictPrevention``, or the name
            of a type in code, with its module, as in ``my_app.FreezePolicy``.
        name: What the policy is known by, unique in the configuration. None: its type.
        max_traffic_percentage: Most of the traffic, 0 to 100; required for ``trafficLimit``.
        min_stable_time: How long a ``trafficLimit`` holds without trouble before it is lifted.
        max_error_rate: The largest share of failed calls, 0 to 1; required for ``errorRate``.
        allowed_start_time: When a ``timeWindow`` opens, as ``HH:mm``; required there.
        allowed_end_time: When a ``timeWindow`` closes, as ``HH:mm``, the next day where that is
            before its start; required there.
        conflicting_experiments: The experiments that must not run beside one another; required for
            ``conflictPrevention``.
        properties: Anything that a type in code reads.
    """

    type: Label
    name: Label | None = None
    max_traffic_percentage: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    min_stable_time: Milliseconds | None = None
    max_error_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    allowed_start_time: TimeOfDay | None = None
    allowed_end_time: TimeOfDay | None = None
    conflicting_experiments: tuple[Name, ...] = ()
    properties: Free = msgspec.field(default_factory=dict)


class PersistenceOptions(Options, frozen=True, kw_only=True):
    """Where the states, approvals and versions of experiments are kept.

    Attributes:
        type: ``inMemory``, ``sql``, ``redis``, or the name of a type in code, with its module, as
            in ``my_app.Store``.
        connection_string: How to reach the database; required for ``sql`` and ``redis``.
        optimistic_concurrency: Refuse a change of what somebody else has changed meanwhile.
        retain_history: Keep every earlier state.
        key_prefix: What keys in ``redis`` begin with. None: ``governance:``.
        provider: The database of ``sql``: ``sqlserver``, ``postgresql``, ``sqlite``, or the name
            of a type in code, with its module. None: named in code.
        properties: Anything that a type in code reads.
    """

    type: Label
    connection_string: Secret | None = None
    optimistic_concurrency: bool = True
    retain_history: bool = True
    key_prefix: Label | None = None
    provider: Label | None = None
    properties: Free = msgspec.field(default_factory=dict)


class GovernanceOptions(Options, frozen=True, kw_only=True):
    """The section ``governance``: how experiments come to life, and within which limits.

    Attributes:
        initial_state: The state in which an experiment begins.
        approval_gates: What has to be approved before an experiment changes its state.
        policies: The limits that experiments have to stay within.
        enable_auto_versioning: Keep a new version whenever an experiment's configuration changes.
        persistence: Where states, approvals and versions are kept. None: in memory.
    """

    initial_state: LifecycleState = "Draft"
    approval_gates: tuple[ApprovalGateOptions, ...] = ()
    policies: tuple[PolicyOptions, ...] = ()
    enable_auto_versioning: bool = False
    persistence: PersistenceOptions | None = None
