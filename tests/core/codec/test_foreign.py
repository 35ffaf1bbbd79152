"""Events of the .NET ExperimentFramework are read as our own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from experimentframework_core.codec import decode, decode_record, encode
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
)

folder = Path(__file__).parents[1] / "data" / "dotnet"
cut = datetime(2025, 12, 30, 4, 51, 6, 123456, tzinfo=UTC)

expected = {
    "exposure": Exposure(
        experiment_name="checkout",
        variant_key="express",
        subject_id="u-42",
        subject_type="user",
        timestamp=cut.replace(microsecond=999999),
        selection_reason="trial-selection",
        assignment_policy=AssignmentPolicy.SUBJECT_STICKY,
        is_repeat_exposure=True,
        attributes={"Region": "eu", "price": 12},
    ),
    "assignment": Assignment(
        experiment_name="checkout",
        subject_id="u-42",
        previous_variant_key="control",
        new_variant_key="express",
        timestamp=cut.replace(microsecond=500000),
        change_reason="rebalanced",
        assignment_policy=AssignmentPolicy.BEST_EFFORT,
    ),
    "outcome": Outcome(
        experiment_name="checkout",
        subject_id="u-42",
        outcome_type=OutcomeType.DURATION,
        name="seconds",
        value=12.0,
        timestamp=cut,
        variant_key="express",
        attributes={"page": "pay"},
    ),
    "analysisSignal": AnalysisSignal(
        experiment_name="checkout",
        signal_type=AnalysisSignalType.SAMPLE_RATIO_MISMATCH,
        severity=SignalSeverity.WARNING,
        message="expected 50 %, saw 48 %",
        timestamp=cut,
        data={"p": 0.0004},
    ),
    "error": ExperimentError(
        experiment_name="checkout",
        error_type="TimeoutException",
        message="the trial took too long",
        timestamp=cut,
        variant_key="express",
    ),
}


def written(name: str) -> bytes:
    return (folder / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", expected)
def test_an_event_of_the_original_is_read_as_our_own(name: str) -> None:
    """Given an event as .NET writes it, when decoded, then its payload is typed and complete."""
    body = written(name)

    envelope = decode(body, strict=True)

    assert envelope.event_type == name
    assert envelope.payload == expected[name]
    assert envelope.extra is None


@pytest.mark.parametrize("name", expected)
def test_an_event_of_the_original_becomes_canonical(name: str) -> None:
    """Given an event as .NET writes it, when read as a record, then its body is our wire form."""
    body = written(name)

    record = decode_record(body)

    assert record.body == encode(decode(body))
    assert decode(record.body) == decode(body)
    assert record.experiment == "checkout"


def test_times_are_cut_to_microseconds_and_moved_to_utc() -> None:
    """Given seven digits and an offset, when decoded, then the time is cut, not rounded."""
    body = written("exposure")

    envelope = decode(body)

    assert envelope.timestamp == cut
    assert envelope.timestamp.tzinfo is UTC
    assert envelope.payload.timestamp.microsecond == 999999


def changed(name: str, *, payload: dict[str, Any] | None = None, **envelope: object) -> bytes:
    event = msgspec.json.decode(written(name))
    event["payload"] |= payload or {}
    return msgspec.json.encode(event | envelope)


@pytest.mark.parametrize("spelling", [1, "Warning", "warning", "WARNING"])
def test_enums_are_read_by_number_or_by_name_in_any_case(spelling: int | str) -> None:
    """Given an enum in any of its spellings, when decoded, then it is the same member."""
    body = changed("analysisSignal", payload={"severity": spelling})

    envelope = decode(body, strict=True)

    assert envelope.payload.severity is SignalSeverity.WARNING


@pytest.mark.parametrize("spelling", [3, "AnalysisSignal", "analysissignal", "ANALYSISSIGNAL"])
def test_event_types_are_read_by_number_or_by_name_in_any_case(spelling: int | str) -> None:
    """Given an event type in any of its spellings, when decoded, then it is ours."""
    body = changed("analysisSignal", eventType=spelling)

    envelope = decode(body, strict=True)

    assert envelope.event_type == "analysisSignal"


def test_governance_has_the_next_number() -> None:
    """Given an event type of 5, when decoded, then it is governance."""
    body = changed(
        "exposure",
        eventType=5,
        payload={"action": 9, "actor": "ada", "policy": "four-eyes"},
    )

    envelope = decode(body, strict=True)

    assert isinstance(envelope.payload, Governance)
    assert envelope.payload.action is GovernanceAction.ROLLED_BACK


@pytest.mark.parametrize(("spelling", "name"), [(6, "6"), (-1, "-1"), ("Audit", "Audit")])
def test_an_event_type_nobody_knows_is_kept_with_its_plain_payload(
    spelling: int | str, name: str
) -> None:
    """Given an unknown number or name, when decoded, then nothing of it is lost."""
    body = changed("exposure", eventType=spelling)

    envelope = decode(body, strict=True)

    assert envelope.event_type == name
    assert envelope.payload == msgspec.json.decode(body)["payload"]


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"outcomeType": 4}, "payload.outcomeType"),
        ({"outcomeType": True}, "payload.outcomeType"),
        ({"value": "NaN"}, "payload.value"),
        ({"subjectId": None}, "payload.subjectId"),
    ],
)
def test_what_does_not_fit_is_kept_as_the_plain_value(payload: dict[str, Any], path: str) -> None:
    """Given a payload that does not fit, when decoded, then it is plain, or an error if strict."""
    body = changed("outcome", payload=payload)

    envelope = decode(body)

    assert envelope.payload == msgspec.json.decode(body)["payload"]
    with pytest.raises(Exception, match=rf"^{path}: "):
        decode(body, strict=True)


def test_pascal_case_is_read_too() -> None:
    """Given names in PascalCase, when decoded, then they are the same fields."""
    event = msgspec.json.decode(written("outcome"))
    event["payload"] = {key[0].upper() + key[1:]: value for key, value in event["payload"].items()}
    body = msgspec.json.encode({key[0].upper() + key[1:]: value for key, value in event.items()})

    envelope = decode(body, strict=True)

    assert envelope == decode(written("outcome"))


def test_our_own_names_win_over_the_originals() -> None:
    """Given both spellings of a field, when decoded, then ours counts and theirs is kept."""
    body = changed("outcome", payload={"variantKey": "ours", "name": "ours"})

    envelope = decode(body, strict=True)

    assert (envelope.payload.variant_key, envelope.payload.name) == ("ours", "ours")
    assert envelope.extra == {"payload": {"trialKey": "express", "metricName": "seconds"}}


def test_longer_names_than_we_write_are_read() -> None:
    """Given a name above our limit, when decoded, then it is read all the same."""
    body = changed("exposure", payload={"experimentName": "x" * 300})

    envelope = decode(body, strict=True)

    assert len(envelope.payload.experiment_name) == 300
