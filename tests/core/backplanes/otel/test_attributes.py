"""What each event is called in OpenTelemetry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core.backplanes._otel.attributes import (
    ENVELOPE,
    ERROR,
    EVERY_TYPE,
    INFO,
    OWN,
    WARN,
    describe,
)
from experimentframework_core.codec import encode_record
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import (
    AnalysisSignal,
    AnalysisSignalType,
    Assignment,
    AssignmentPolicy,
    ExperimentError,
    Exposure,
    Governance,
    GovernanceAction,
    Outcome,
    OutcomeType,
    SignalSeverity,
    built_in_types,
    event_type_named,
)
from experimentframework_core.testing import make_record

if TYPE_CHECKING:
    import msgspec

AT = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
EXPOSURE = Exposure(
    experiment_name="checkout",
    variant_key="express",
    subject_id="u-1",
    timestamp=AT,
    selection_reason="hash-assignment",
    subject_type="user",
    tenant_id="acme",
    rule_path="rules/0",
    assignment_policy=AssignmentPolicy.SUBJECT_STICKY,
    is_repeat_exposure=True,
    attributes={"country": "NZ", "cart": {"items": 3, "total": 9.5}, "tags": ["a", "b"]},
)


def described(payload: msgspec.Struct) -> dict[str, Any]:
    """Return the attributes of an event but those that every event has."""
    found = describe(make_record(payload)).attributes
    return {key: value for key, value in found.items() if not key.startswith("dataplane.")}


def test_an_exposure() -> None:
    """Given an exposure with every field, When it is described, Then each has its attribute."""
    record = make_record(
        EXPOSURE,
        event_id="e-1",
        correlation_id="request-1",
        metadata={"host": "a", "deep": {"n": 1}},
    )

    event = describe(record)

    assert event.attributes == {
        "dataplane.event.id": "e-1",
        "dataplane.event.type": "exposure",
        "dataplane.schema.version": "1.0.0",
        "dataplane.correlation.id": "request-1",
        "dataplane.metadata.host": "a",
        "dataplane.metadata.deep.n": 1,
        "experiment.name": "checkout",
        "experiment.variant": "express",
        "experiment.subject.id": "u-1",
        "experiment.subject.type": "user",
        "experiment.tenant.id": "acme",
        "experiment.assignment.policy": "subjectSticky",
        "experiment.attribute.country": "NZ",
        "experiment.attribute.cart.items": 3,
        "experiment.attribute.cart.total": 9.5,
        "experiment.attribute.tags": ["a", "b"],
        "experiment.selection.reason": "hash-assignment",
        "experiment.rule.path": "rules/0",
        "experiment.exposure.repeat": True,
    }
    assert (event.name, event.severity, event.problem) == ("exposure checkout", INFO, None)
    assert event.time_ns == 1770091506000789000


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            Assignment(
                experiment_name="checkout",
                subject_id="u-1",
                previous_variant_key="control",
                new_variant_key="express",
                change_reason="rollout",
            ),
            {
                "experiment.name": "checkout",
                "experiment.subject.id": "u-1",
                "experiment.variant.previous": "control",
                "experiment.variant": "express",
                "experiment.assignment.reason": "rollout",
            },
        ),
        (
            Outcome(
                experiment_name="checkout",
                subject_id="u-1",
                outcome_type=OutcomeType.BINARY,
                name="paid",
                value=1.0,
            ),
            {
                "experiment.name": "checkout",
                "experiment.subject.id": "u-1",
                "experiment.outcome.type": "binary",
                "experiment.outcome.name": "paid",
                "experiment.outcome.value": 1.0,
            },
        ),
        (
            AnalysisSignal(
                experiment_name="checkout",
                signal_type=AnalysisSignalType.SAMPLE_RATIO_MISMATCH,
                severity=SignalSeverity.WARNING,
                message="52 to 48",
                data={"p": 0.001},
            ),
            {
                "experiment.name": "checkout",
                "analysis.signal.type": "sampleRatioMismatch",
                "analysis.signal.severity": "warning",
                "analysis.signal.message": "52 to 48",
                "analysis.signal.data.p": 0.001,
            },
        ),
        (
            ExperimentError(
                experiment_name="checkout", error_type="ValueError", message="no price"
            ),
            {
                "experiment.name": "checkout",
                "error.type": "ValueError",
                "error.message": "no price",
            },
        ),
        (
            Governance(
                experiment_name="checkout",
                action=GovernanceAction.STARTED,
                actor="ana",
                from_state="approved",
                to_state="running",
                reason="ready",
                policy="two eyes",
                version="3",
            ),
            {
                "experiment.name": "checkout",
                "governance.action": "started",
                "governance.actor": "ana",
                "governance.state.from": "approved",
                "governance.state.to": "running",
                "governance.reason": "ready",
                "governance.policy": "two eyes",
                "governance.version": "3",
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_other_types(payload: msgspec.Struct, expected: dict[str, Any]) -> None:
    """Given an event of a type, When it is described, Then its fields have their attributes."""
    found = described(payload)

    assert found == expected


@pytest.mark.parametrize("name", built_in_types)
def test_every_field_of_a_built_in_type_has_a_name(name: str) -> None:
    """Given a payload class, When its fields are looked up, Then the tables have these alone."""
    registered = event_type_named(name)
    assert registered is not None
    fields = set(registered.payload.__struct_encode_fields__) - {"timestamp"}

    named = fields & EVERY_TYPE.keys() | OWN[name].keys()

    assert named == fields


def test_every_field_of_an_envelope_has_a_name() -> None:
    """Given the envelope, When its fields are looked up, Then only ids, time and payload lack."""
    fields = set(Envelope.__struct_encode_fields__)

    unnamed = fields - ENVELOPE.keys()

    assert unnamed == {"timestamp", "payload", "traceparent", "extra"}


def of_payload(payload: Any) -> dict[str, Any]:
    """Return the attributes of an event of a type that nobody has registered."""
    envelope = Envelope(
        event_id="e-1",
        timestamp=AT,
        event_type="purchase",
        schema_version="2.0.0",
        payload=payload,
    )
    found = describe(encode_record(envelope)).attributes
    return {key: value for key, value in found.items() if key.count(".") < 2 or "payload" in key}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"subjectId": "u-1", "price": 3}, {"dataplane.payload.price": 3}),
        ({"timestamp": "2026-02-03T04:05:06Z"}, {}),
        ({"gone": None}, {}),
        ({"empty": {}}, {}),
        ({"list": []}, {"dataplane.payload.list": []}),
        ({"list": [True, False]}, {"dataplane.payload.list": [True, False]}),
        ({"list": [1, "a"]}, {"dataplane.payload.list": '[1,"a"]'}),
        ({"list": [{"a": 1}]}, {"dataplane.payload.list": '[{"a":1}]'}),
        ({"list": [2**63]}, {"dataplane.payload.list": "[9223372036854775808]"}),
        ({"large": 2**63}, {"dataplane.payload.large": "9223372036854775808"}),
        ({"least": -(2**63)}, {"dataplane.payload.least": -(2**63)}),
        ("a text", {"dataplane.payload": "a text"}),
        ([1, 2], {"dataplane.payload": [1, 2]}),
    ],
    ids=str,
)
def test_fields_of_other_types(payload: Any, expected: dict[str, Any]) -> None:
    """Given a payload of any form, When it is described, Then its values are what may be sent."""
    found = of_payload(payload)

    assert found == expected


def test_routing_fields_of_other_types() -> None:
    """Given fields by which events are routed, When described, Then they are named as always."""
    envelope = Envelope(
        event_id="e-1",
        timestamp=AT,
        event_type="purchase",
        schema_version="1.0.0",
        payload={"experimentName": "checkout", "subjectId": "u-1"},
    )

    event = describe(encode_record(envelope))

    assert event.attributes["experiment.name"] == "checkout"
    assert event.attributes["experiment.subject.id"] == "u-1"
    assert event.name == "purchase checkout"


@pytest.mark.parametrize(
    ("severity", "number"),
    [(SignalSeverity.INFO, INFO), (SignalSeverity.WARNING, WARN), (SignalSeverity.ERROR, ERROR)],
)
def test_a_signal_has_its_severity(severity: SignalSeverity, number: int) -> None:
    """Given a signal, When it is described, Then its severity is the log record's."""
    signal = AnalysisSignal(
        experiment_name="checkout",
        signal_type=AnalysisSignalType.CUSTOM,
        severity=severity,
        message="see",
    )

    event = describe(make_record(signal))

    assert event.severity == number


def test_an_error_says_what_went_wrong() -> None:
    """Given an error event, When it is described, Then it is one, with its message."""
    error = ExperimentError(experiment_name="checkout", error_type="ValueError", message="no price")

    event = describe(make_record(error))

    assert (event.severity, event.problem) == (ERROR, "no price")
