"""Events as Arrow: the same columns of the same types, whatever the events are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from experimentframework_core import codec
from experimentframework_core.arrow import record_batch, schema
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
    event_type_of,
)

AT = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
EXPOSURE = Exposure(
    experiment_name="checkout",
    variant_key="express",
    subject_id="u-1",
    tenant_id="shop",
    selection_reason="hash",
    assignment_policy=AssignmentPolicy.SUBJECT_STICKY,
    attributes={"plan": "pro", "items": 3},
)
OUTCOME = Outcome(
    experiment_name="checkout",
    subject_id="u-1",
    outcome_type=OutcomeType.DURATION,
    name="seconds",
    value=2.5,
)


def stored(payload: Any, **more: Any) -> Envelope:
    """Return an event as a reader gives it."""
    registered = event_type_of(type(payload))
    made: dict[str, Any] = {
        "event_id": "e-1",
        "timestamp": AT,
        "event_type": registered.name if registered else "parcel",
        "schema_version": registered.version if registered else "1.0.0",
        "payload": payload,
    } | more
    return codec.decode(codec.encode(Envelope(**made)))


def row(envelope: Envelope) -> dict[str, Any]:
    """Return the event's columns that have a value."""
    (made,) = record_batch([envelope]).to_pylist()
    return {name: value for name, value in made.items() if value is not None}


def test_the_types_do_not_depend_on_the_events() -> None:
    """Given batches with and without values, When put together, Then their schemas are one."""
    batches = [record_batch([stored(EXPOSURE)]), record_batch([stored(OUTCOME)]), record_batch([])]

    table = pa.Table.from_batches(batches)

    assert table.schema == schema
    assert table.num_rows == 2


def test_an_exposure_has_its_fields_in_columns() -> None:
    """Given an exposure with all that there is, When it is a row, Then nothing is lost."""
    envelope = stored(EXPOSURE, correlation_id="r-1", metadata={"samplingRate": 0.5})

    found = row(envelope)

    assert json.loads(found.pop("payload")) == msgspec.to_builtins(envelope.payload)
    assert json.loads(found.pop("attributes")) == {"plan": "pro", "items": 3}
    assert json.loads(found.pop("metadata")) == {"samplingRate": 0.5}
    assert found == {
        "event_id": "e-1",
        "timestamp": AT,
        "event_type": "exposure",
        "schema_version": "1.0.0",
        "experiment": "checkout",
        "variant": "express",
        "subject": "u-1",
        "tenant": "shop",
        "correlation_id": "r-1",
        "selection_reason": "hash",
        "assignment_policy": "subjectSticky",
        "is_repeat_exposure": False,
    }


def test_an_outcome_has_its_value_as_a_number() -> None:
    """Given an outcome, When it is a row, Then its name, kind and value can be summed up."""
    found = row(stored(OUTCOME))

    assert (found["name"], found["outcome_type"], found["value"]) == ("seconds", "duration", 2.5)


def test_every_field_of_every_built_in_type_has_a_column() -> None:
    """Given an event of each type, all optional fields set, Then each has its own column."""
    common: dict[str, Any] = {"experiment_name": "x", "attributes": {"a": 1}}
    made = [
        Assignment(
            **common,
            subject_id="u",
            previous_variant_key="p",
            new_variant_key="n",
            change_reason="c",
        ),
        AnalysisSignal(
            experiment_name="x",
            signal_type=AnalysisSignalType.CUSTOM,
            severity=SignalSeverity.INFO,
            message="m",
        ),
        ExperimentError(**common, error_type="E", message="m", variant_key="v", subject_id="u"),
        Governance(
            **common,
            action=GovernanceAction.STARTED,
            actor="a",
            from_state="f",
            to_state="t",
            reason="r",
            policy="p",
            version="v",
        ),
    ]

    rows = [row(stored(payload)) for payload in made]

    own = {"event_id", "timestamp", "event_type", "schema_version", "experiment", "payload"}
    assert [set(found) - own for found in rows] == [
        {"subject", "variant", "previous_variant_key", "change_reason", "attributes"},
        {"signal_type", "severity", "message"},
        {"subject", "variant", "error_type", "message", "attributes"},
        {"action", "actor", "from_state", "to_state", "reason", "policy", "version", "attributes"},
    ]
    assert rows[0]["variant"] == "n"


def test_an_unknown_type_keeps_its_payload_and_what_routes_it() -> None:
    """Given a type that is not registered, When it is a row, Then its JSON is there, untyped."""
    payload = {"experimentName": "checkout", "subjectId": "u-1", "name": 7, "value": "much"}

    found = row(stored(payload, event_type="parcel"))

    assert (found["experiment"], found["subject"]) == ("checkout", "u-1")
    assert json.loads(found["payload"]) == payload
    assert "name" not in found
    assert "value" not in found


def test_fields_of_a_newer_minor_version_stay_in_the_payload() -> None:
    """Given an outcome with a field of a later version, When a row, Then the JSON has it."""
    body = codec.encode(stored(OUTCOME)).replace(b'"1.0.0"', b'"1.7.0"')
    body = body.replace(b'"payload":{', b'"payload":{"currency":"EUR",')

    found = row(codec.decode(body))

    assert json.loads(found["payload"])["currency"] == "EUR"
    assert found["value"] == 2.5
