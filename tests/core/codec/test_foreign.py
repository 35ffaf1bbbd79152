"""Events of the .NET ExperimentFramework are read as our own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from experimentframework_core.codec import decode, decode_record, encode
from experimentframework_core.errors import InvalidEventError
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
)

if TYPE_CHECKING:
    from enum import StrEnum

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
    "governance": Governance(
        experiment_name="checkout",
        action=GovernanceAction.ROLLED_BACK,
        actor="ada",
        timestamp=cut,
        from_state="running",
        to_state="draft",
        reason="too slow",
        policy="four-eyes",
        version="7",
        attributes={"ticket": 17},
    ),
}


def written(name: str, spelling: str = "") -> bytes:
    return (folder / spelling / f"{name}.json").read_bytes()


def test_there_is_a_file_of_every_type_in_every_spelling() -> None:
    """Given the files of events, then each built-in type has one in each spelling."""
    found = {
        spelling: {file.stem for file in (folder / spelling).glob("*.json")}
        for spelling in ("", "names", "pascal", "sql")
    }

    assert [*found.values()] == [set(built_in_types)] * 4
    assert expected.keys() == set(built_in_types)


@pytest.mark.parametrize("spelling", ["", "names", "pascal"])
@pytest.mark.parametrize("name", expected)
def test_an_event_of_the_original_is_read_as_our_own(name: str, spelling: str) -> None:
    """Given an event as .NET writes it, when decoded, then its payload is typed and complete."""
    body = written(name, spelling)

    envelope = decode(body, strict=True)

    assert envelope.event_type == name
    assert envelope.payload == expected[name]
    assert envelope.extra is None
    assert envelope == decode(written(name))


@pytest.mark.parametrize("spelling", ["", "names", "pascal"])
@pytest.mark.parametrize("name", expected)
def test_an_event_of_the_original_becomes_canonical(name: str, spelling: str) -> None:
    """Given an event as .NET writes it, when read as a record, then its body is our wire form."""
    body = written(name, spelling)

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


ENUMS = [
    pytest.param(name, field, number, member, id=f"{field}-{member}")
    for name, field, kind in (
        ("exposure", "assignmentPolicy", AssignmentPolicy),
        ("assignment", "assignmentPolicy", AssignmentPolicy),
        ("outcome", "outcomeType", OutcomeType),
        ("analysisSignal", "signalType", AnalysisSignalType),
        ("analysisSignal", "severity", SignalSeverity),
        ("governance", "action", GovernanceAction),
    )
    for number, member in enumerate(kind)
]


def spellings_of(number: int, name: str) -> list[int | str]:
    return [number, name, name[0].upper() + name[1:], name.lower(), name.upper()]


@pytest.mark.parametrize(("name", "field", "number", "member"), ENUMS)
def test_enums_are_read_by_number_or_by_name_in_any_case(
    name: str, field: str, number: int, member: StrEnum
) -> None:
    """Given an enum in any of its spellings, when decoded, then it is the same member."""
    bodies = [changed(name, payload={field: each}) for each in spellings_of(number, member)]

    read = [msgspec.to_builtins(decode(body, strict=True).payload)[field] for body in bodies]

    assert read == [str(member)] * 5


@pytest.mark.parametrize(("number", "name"), [*enumerate(built_in_types)])
def test_event_types_are_read_by_number_or_by_name_in_any_case(number: int, name: str) -> None:
    """Given an event type in any of its spellings, when decoded, then it is ours."""
    bodies = [changed(name, eventType=each) for each in spellings_of(number, name)]

    read = [decode(body, strict=True) for body in bodies]

    assert [each.event_type for each in read] == [name] * 5
    assert [each.payload for each in read] == [expected[name]] * 5


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


@pytest.mark.parametrize(
    ("payload", "envelope"),
    [
        ({"experimentName": "x" * 300}, {}),
        ({"variantKey": "", "subjectId": "s" * 5000}, {}),
        ({"tenantId": ""}, {"correlationId": "c" * 300}),
        ({}, {"correlationId": ""}),
    ],
)
def test_names_that_we_would_not_write_are_read(
    payload: dict[str, Any], envelope: dict[str, Any]
) -> None:
    """Given names that are empty or above our limit, when read, then nothing of them is lost."""
    body = changed("exposure", payload=payload, **envelope)

    read, record = decode(body, strict=True), decode_record(body)

    assert msgspec.to_builtins(read.payload).items() >= payload.items()
    assert decode(record.body, strict=True) == read
    assert record.body == encode(read, limits=False)
    with pytest.raises(InvalidEventError, match=r"characters; it takes 1 to"):
        encode(read)
