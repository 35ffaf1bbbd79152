"""What an application publishes: the six event types, and its own registered with `event`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

type_name_pattern = re.compile(r"[a-z][A-Za-z0-9]{0,63}")
version_pattern = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")

routing_limits = {
    "experiment_name": 128,
    "variant_key": 128,
    "previous_variant_key": 128,
    "new_variant_key": 128,
    "subject_id": 256,
    "tenant_id": 256,
    "correlation_id": 256,
}
"""The fields by which events are routed, and the most characters of each when written.

They hold for every payload with fields of these names, also for your own: text, not empty, or
None where the field is optional. Longer ones written by others are read.
"""


def utc_now() -> datetime:
    """Return the current time in UTC, to the microsecond."""
    return datetime.now(UTC)


class AssignmentPolicy(StrEnum):
    """How long a subject keeps its variant."""

    BEST_EFFORT = "bestEffort"
    SESSION_STICKY = "sessionSticky"
    SUBJECT_STICKY = "subjectSticky"
    GLOBALLY_STICKY = "globallySticky"


class OutcomeType(StrEnum):
    """What an outcome's value measures."""

    BINARY = "binary"
    CONTINUOUS = "continuous"
    COUNT = "count"
    DURATION = "duration"


class AnalysisSignalType(StrEnum):
    """What an analysis of a running experiment has noticed."""

    SAMPLE_RATIO_MISMATCH = "sampleRatioMismatch"
    SEQUENTIAL_CHECKPOINT = "sequentialCheckpoint"
    PEEKING_WARNING = "peekingWarning"
    MINIMUM_SAMPLE_REACHED = "minimumSampleReached"
    POWER_THRESHOLD_MET = "powerThresholdMet"
    CUSTOM = "custom"


class SignalSeverity(StrEnum):
    """How much an analysis signal matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class GovernanceAction(StrEnum):
    """A step in an experiment's life."""

    CREATED = "created"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    STARTED = "started"
    RAMPED = "ramped"
    PAUSED = "paused"
    STOPPED = "stopped"
    ARCHIVED = "archived"
    ROLLED_BACK = "rolledBack"
    POLICY_VIOLATED = "policyViolated"


class Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The base of every payload, and the handiest one for your own.

    Write ``frozen=True, kw_only=True`` on each subclass, which type checkers and msgspec do not
    inherit. Fields are camelCase on the wire, absent optionals (None) are left out, and so are
    other defaults unless they come from a ``default_factory``.
    """


class Exposure(Payload, frozen=True, kw_only=True):
    """A subject was shown a variant.

    Attributes:
        experiment_name: The experiment.
        variant_key: The variant that was shown.
        subject_id: Who was shown it.
        timestamp: When; now where it is left out.
        selection_reason: Why this variant, as in `hash-assignment`.
        subject_type: What the subject is, as in `user` or `session`.
        tenant_id: Whose subject it is, where several share a service.
        rule_path: Which rule of a configuration chose the variant.
        assignment_policy: How long the subject keeps it.
        is_repeat_exposure: Whether the subject was shown this variant before.
        attributes: Anything else about it.
    """

    experiment_name: str
    variant_key: str
    subject_id: str
    timestamp: datetime = msgspec.field(default_factory=utc_now)
    selection_reason: str
    subject_type: str | None = None
    tenant_id: str | None = None
    rule_path: str | None = None
    assignment_policy: AssignmentPolicy | None = None
    is_repeat_exposure: bool = msgspec.field(default_factory=bool)
    attributes: dict[str, Any] | None = None


class Assignment(Payload, frozen=True, kw_only=True):
    """A subject moved from one variant to another.

    Attributes:
        experiment_name: The experiment.
        subject_id: Who moved.
        previous_variant_key: The variant before.
        new_variant_key: The variant from now on.
        timestamp: When; now where it is left out.
        change_reason: Why, as in `rollout-increased`.
        assignment_policy: How long the subject keeps the new one.
        attributes: Anything else about it.
    """

    experiment_name: str
    subject_id: str
    previous_variant_key: str
    new_variant_key: str
    timestamp: datetime = msgspec.field(default_factory=utc_now)
    change_reason: str
    assignment_policy: AssignmentPolicy | None = None
    attributes: dict[str, Any] | None = None


class Outcome(Payload, frozen=True, kw_only=True):
    """Something a subject did, measured: converted, spent, clicked, waited.

    Attributes:
        experiment_name: The experiment that it counts for.
        subject_id: Who did it; joins it to the exposure.
        outcome_type: What the value measures.
        name: What was measured, as in `purchase` or `orderValue`.
        value: How much: 1 or 0 for `binary`, seconds or another unit of yours for `duration`.
        timestamp: When; now where it is left out.
        variant_key: The variant, where it is known; reports take that of the exposure.
        tenant_id: Whose subject it is.
        attributes: Anything else about it.
    """

    experiment_name: str
    subject_id: str
    outcome_type: OutcomeType
    name: str
    value: float
    timestamp: datetime = msgspec.field(default_factory=utc_now)
    variant_key: str | None = None
    tenant_id: str | None = None
    attributes: dict[str, Any] | None = None


class AnalysisSignal(Payload, frozen=True, kw_only=True):
    """An analysis noticed something about a running experiment.

    Attributes:
        experiment_name: The experiment.
        signal_type: What was noticed.
        severity: How much it matters.
        message: What was noticed, in words.
        timestamp: When; now where it is left out.
        data: The figures behind it.
    """

    experiment_name: str
    signal_type: AnalysisSignalType
    severity: SignalSeverity
    message: str
    timestamp: datetime = msgspec.field(default_factory=utc_now)
    data: dict[str, Any] | None = None


class ExperimentError(Payload, frozen=True, kw_only=True):
    """An experiment's code failed. A payload, not an exception.

    Attributes:
        experiment_name: The experiment.
        error_type: The kind of error, as in the name of an exception's class.
        message: What went wrong, in words.
        timestamp: When; now where it is left out.
        variant_key: The variant whose code failed.
        subject_id: For whom it failed.
        attributes: Anything else about it.
    """

    experiment_name: str
    error_type: str
    message: str
    timestamp: datetime = msgspec.field(default_factory=utc_now)
    variant_key: str | None = None
    subject_id: str | None = None
    attributes: dict[str, Any] | None = None


class Governance(Payload, frozen=True, kw_only=True):
    """Somebody, or a policy, changed an experiment's state.

    Attributes:
        experiment_name: The experiment.
        action: What was done.
        actor: Who did it: a person, a service or a policy.
        timestamp: When; now where it is left out.
        from_state: The state before.
        to_state: The state after.
        reason: Why, in words.
        policy: The policy that asked for it, or was violated.
        version: The version of the experiment's configuration.
        attributes: Anything else about it.
    """

    experiment_name: str
    action: GovernanceAction
    actor: str
    timestamp: datetime = msgspec.field(default_factory=utc_now)
    from_state: str | None = None
    to_state: str | None = None
    reason: str | None = None
    policy: str | None = None
    version: str | None = None
    attributes: dict[str, Any] | None = None


class EventType(msgspec.Struct, frozen=True):
    """A registered event type: its name on the wire, the version written, the payload class."""

    name: str
    version: str
    payload: type[msgspec.Struct]


_by_class: dict[type, EventType] = {}
_by_name: dict[str, EventType] = {}

P = TypeVar("P", bound=msgspec.Struct)


def event(name: str, *, version: str = "1.0.0") -> Callable[[type[P]], type[P]]:
    """Return a class decorator that registers a msgspec Struct as the event type ``name``.

    Args:
        name: The type's name on the wire: camelCase, at most 64 letters and digits.
        version: The semantic version that is written with each event.

    Raises:
        ValueError: The name or version is malformed, the name is taken by another class, or a
            field's wire name is not camelCase (derive from `Payload`, or pass
            ``rename="camel"``).
        TypeError: The class is not a msgspec Struct.
    """
    if not type_name_pattern.fullmatch(name):
        message = f"event type {name!r}: write it in camelCase, 1 to 64 letters and digits"
        raise ValueError(message)
    if not version_pattern.fullmatch(version):
        message = f"event type {name!r}: version {version!r} is not MAJOR.MINOR.PATCH"
        raise ValueError(message)

    def register(payload: type[P]) -> type[P]:
        _check_payload(name, payload)
        registered = EventType(name, version, payload)
        _by_class[payload] = _by_name[name] = registered
        return payload

    return register


def _check_payload(name: str, payload: type) -> None:
    if not (isinstance(payload, type) and issubclass(payload, msgspec.Struct)):
        message = f"event type {name!r}: {payload!r} is not a msgspec.Struct"
        raise TypeError(message)
    for field in msgspec.structs.fields(payload):
        if "_" in field.encode_name:
            message = (
                f"event type {name!r}: field {field.encode_name!r} is not camelCase on the wire;"
                f' derive {payload.__name__} from Payload or pass rename="camel"'
            )
            raise ValueError(message)
    taken = _by_name.get(name)
    if taken and (taken.payload.__module__, taken.payload.__qualname__) != (
        payload.__module__,
        payload.__qualname__,
    ):
        message = f"event type {name!r} is already registered by {taken.payload.__qualname__}"
        raise ValueError(message)


def event_type_of(payload: type) -> EventType | None:
    """Return the registration of a payload class, or None."""
    return _by_class.get(payload)


def event_type_named(name: str) -> EventType | None:
    """Return the registration of a wire name, or None."""
    return _by_name.get(name)


def event_types() -> tuple[EventType, ...]:
    """Return every registered event type, built-in ones first."""
    return tuple(_by_name.values())


for _name, _payload in (
    ("exposure", Exposure),
    ("assignment", Assignment),
    ("outcome", Outcome),
    ("analysisSignal", AnalysisSignal),
    ("error", ExperimentError),
    ("governance", Governance),
):
    event(_name)(_payload)

built_in_types = tuple(_by_name)
"""The names of the built-in event types, in the order in which .NET numbers them."""
