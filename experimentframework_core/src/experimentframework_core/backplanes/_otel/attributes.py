"""What an event is called in OpenTelemetry: its name, its attributes, its severity."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experimentframework_core.envelope import Record

Scalar: TypeAlias = str | bool | int | float
Value: TypeAlias = Scalar | list[str] | list[bool] | list[int] | list[float]

ENVELOPE: Final[Mapping[str, str]] = {
    "eventId": "dataplane.event.id",
    "eventType": "dataplane.event.type",
    "schemaVersion": "dataplane.schema.version",
    "correlationId": "dataplane.correlation.id",
    "metadata": "dataplane.metadata.*",
}
"""The attribute of each field of an envelope. One that ends in ``*`` is one for each key."""

EVERY_TYPE: Final[Mapping[str, str]] = {
    "experimentName": "experiment.name",
    "variantKey": "experiment.variant",
    "subjectId": "experiment.subject.id",
    "subjectType": "experiment.subject.type",
    "tenantId": "experiment.tenant.id",
    "assignmentPolicy": "experiment.assignment.policy",
    "attributes": "experiment.attribute.*",
}
"""The attribute of each payload field that means the same in every type, also in your own."""

OWN: Final[Mapping[str, Mapping[str, str]]] = {
    "exposure": {
        "selectionReason": "experiment.selection.reason",
        "rulePath": "experiment.rule.path",
        "isRepeatExposure": "experiment.exposure.repeat",
    },
    "assignment": {
        "previousVariantKey": "experiment.variant.previous",
        "newVariantKey": "experiment.variant",
        "changeReason": "experiment.assignment.reason",
    },
    "outcome": {
        "outcomeType": "experiment.outcome.type",
        "name": "experiment.outcome.name",
        "value": "experiment.outcome.value",
    },
    "analysisSignal": {
        "signalType": "analysis.signal.type",
        "severity": "analysis.signal.severity",
        "message": "analysis.signal.message",
        "data": "analysis.signal.data.*",
    },
    "error": {
        "errorType": "error.type",
        "message": "error.message",
    },
    "governance": {
        "action": "governance.action",
        "actor": "governance.actor",
        "fromState": "governance.state.from",
        "toState": "governance.state.to",
        "reason": "governance.reason",
        "policy": "governance.policy",
        "version": "governance.version",
    },
}
"""The attribute of each payload field of a built-in type."""

OTHERS: Final = "dataplane.payload"
"""What the attributes of all other payload fields begin with: those of your own types."""

INFO, WARN, ERROR = 9, 13, 17
"""Severity numbers of OpenTelemetry's logs."""

_severities = {"info": INFO, "warning": WARN, "error": ERROR}
_envelope_names = [(field, name.removesuffix(".*")) for field, name in ENVELOPE.items()]
_least, _most = -(2**63), 2**63 - 1


class Described(NamedTuple):
    """An event as OpenTelemetry has it.

    Attributes:
        event_id: The event's id.
        name: The span's name: the type, and the experiment where there is one.
        time_ns: When it happened, in nanoseconds since 1970.
        attributes: By name, in the order of the event's own fields.
        severity: The number of a log record's severity.
        problem: What an ``error`` event says; None for every other.
    """

    event_id: str
    name: str
    time_ns: int
    attributes: dict[str, Value]
    severity: int
    problem: str | None


def describe(record: Record) -> Described:
    """Return an event's name, time and attributes."""
    envelope = msgspec.json.decode(record.body)
    attributes: dict[str, Value] = {}
    for field, name in _envelope_names:
        if field in envelope:
            _put(attributes, name, envelope[field])
    payload = envelope["payload"]
    if isinstance(payload, dict):
        names = _payload_names(record.event_type)
        for field, value in payload.items():
            if field != "timestamp":  # It is the span's own time.
                _put(attributes, names.get(field) or f"{OTHERS}.{field}", value)
    else:
        _put(attributes, OTHERS, payload)
    return Described(
        event_id=record.event_id,
        name=f"{record.event_type} {record.experiment}" if record.experiment else record.event_type,
        time_ns=record.timestamp_ns,
        attributes=attributes,
        severity=_severity(record.event_type, attributes),
        problem=str(attributes.get("error.message", "")) if record.event_type == "error" else None,
    )


def _severity(event_type: str, attributes: Mapping[str, Value]) -> int:
    if event_type == "error":
        return ERROR
    return _severities.get(str(attributes.get("analysis.signal.severity")), INFO)


@lru_cache(maxsize=1024)
def _payload_names(event_type: str) -> Mapping[str, str]:
    names = {**EVERY_TYPE, **OWN.get(event_type, {})}
    return {field: name.removesuffix(".*") for field, name in names.items()}


def _put(attributes: dict[str, Value], name: str, value: object) -> None:
    """Put a value under its name, a mapping's values under longer ones; null nowhere."""
    if isinstance(value, str | bool | float):
        attributes[name] = value
    elif isinstance(value, int):
        attributes[name] = value if _least <= value <= _most else str(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _put(attributes, f"{name}.{key}", inner)
    elif isinstance(value, list):
        attributes[name] = value if _is_alike(value) else msgspec.json.encode(value).decode()


def _is_alike(values: list[object]) -> bool:
    """Return whether a list may be an attribute: scalars of one type, which is what is allowed."""
    kinds = {type(value) for value in values}
    if len(kinds) != 1 or not kinds <= {str, bool, int, float}:
        return not values
    return kinds != {int} or all(isinstance(v, int) and _least <= v <= _most for v in values)
