"""One line of NDJSON to one event."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from experimentframework_core import codec
from experimentframework_core.cli._event_line import EventLine, LineError, parse, reason_of
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import Exposure, Outcome, OutcomeType

DOCS = Path(__file__).parents[3] / "docs"
EXPOSURE = {
    "type": "exposure",
    "experimentName": "checkout",
    "variantKey": "express",
    "subjectId": "u-1",
    "selectionReason": "hash-assignment",
    "timestamp": "2026-03-01T10:00:00Z",
}


def line(**changes: object) -> bytes:
    return msgspec.json.encode({**EXPOSURE, **changes})


def test_a_flat_line_is_its_payload() -> None:
    given = line(attributes={"plan": "pro"})

    found = parse(given)

    assert found == EventLine(
        Exposure(
            experiment_name="checkout",
            variant_key="express",
            subject_id="u-1",
            selection_reason="hash-assignment",
            timestamp=datetime(2026, 3, 1, 10, tzinfo=UTC),
            attributes={"plan": "pro"},
        )
    )


def test_a_flat_line_without_a_time_happened_now() -> None:
    given = msgspec.json.encode({k: v for k, v in EXPOSURE.items() if k != "timestamp"})
    before = datetime.now(UTC)

    event = parse(given).event

    assert isinstance(event, Exposure)
    assert before <= event.timestamp <= datetime.now(UTC)


def test_correlation_id_and_metadata_go_beside_the_payload() -> None:
    found = parse(line(correlationId="r-1", metadata={"source": "import"}))

    assert found.correlation_id == "r-1"
    assert found.metadata == {"source": "import"}


def test_an_event_id_makes_an_envelope_with_the_payloads_time() -> None:
    found = parse(line(eventId="e-1", correlationId="r-1"))

    assert isinstance(found.event, Envelope)
    assert found.event.event_id == "e-1"
    assert found.event.timestamp == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert found.event.correlation_id == "r-1"
    assert isinstance(found.event.payload, Exposure)


def test_a_full_envelope_is_read_as_it_was_written() -> None:
    envelope = Envelope(
        event_id="0192f0c1-2345-7abc-8def-0123456789ab",
        timestamp=datetime(2026, 3, 1, tzinfo=UTC),
        event_type="outcome",
        schema_version="1.0.0",
        payload=Outcome(
            experiment_name="checkout",
            subject_id="u-1",
            outcome_type=OutcomeType.BINARY,
            name="purchase",
            value=1,
            timestamp=datetime(2026, 3, 1, tzinfo=UTC),
        ),
    )

    found = parse(msgspec.json.encode(envelope))

    assert isinstance(found.event, Envelope)
    assert codec.encode(found.event) == codec.encode(envelope)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (b"[1, 2]", "expected a JSON object, got an array"),
        (b"null", "expected a JSON object, got null"),
        (b'{"type": "exposure"', "Input data was truncated"),
        (b"nonsense", "JSON is malformed: invalid character"),
        (b'{"type": "\xff"}', "not UTF-8: invalid start byte"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{}", "no type: give 'type', or a full envelope"),
        (b'{"type": "exposuer"}', "did you mean 'exposure'?"),
        (b'{"type": 7}', "type: unknown event type 7"),
        (line(experimentNmae="x"), "experimentNmae: unknown field of exposure; did you mean"),
        (line(payload={}), "payload: unknown field of exposure"),
        (line(subjectId=7), "subjectId: Expected `str`, got `int`"),
        (line(metadata=[1]), "metadata: Expected `object | null`, got `array`"),
        (line(timestamp="yesterday"), "timestamp: Invalid RFC3339"),
        (b'{"type": "error", "type": "error"}', "type: stands twice in one object"),
        (line()[:-1] + b', "metadata": {"a": 1, "a": 2}}', "a: stands twice in one object"),
        (
            (
                b'{"type": "outcome", "experimentName": "e", "subjectId": "s", "name": "n",'
                b' "value": 1, "outcomeType": "BINARY"}'
            ),
            "outcomeType: Invalid enum value 'BINARY'; expected binary, continuous, count or dur",
        ),
        (
            (
                b'{"eventId": "e-1", "timestamp": "2026-01-01T00:00:00Z", "eventType": "exposre",'
                b' "schemaVersion": "1.0.0", "payload": {"a": 1}}'
            ),
            "eventType: unknown event type 'exposre'; expected exposure, assignment, outcome",
        ),
        (
            b'{"type": "exposure", "attributes": {"a": 1, "b c": [2.5, {"price": 1e400}]}}',
            "attributes['b c'][1].price: Number out of range",
        ),
        (b'{"eventType": "outcome", "value": ' + b"9" * 5000 + b"}", "value: Integer value out"),
        (b"1e400", "Number out of range"),
        (b'{"type": "outcome"}', "Object missing required field `experimentName`"),
        (b'{"eventType": "exposure", "payload": {}}', "not an event envelope"),
    ],
)
def test_what_is_no_event_says_why(given: bytes, reason: str) -> None:
    with pytest.raises(LineError) as raised:
        parse(given)

    assert reason in str(raised.value)


def test_a_refused_field_is_named_as_in_the_line() -> None:
    event = parse(line()).event

    reason = reason_of(InvalidEventError("must not be empty", path="experiment_name"), event)

    assert reason == "experimentName: must not be empty"


def test_keys_inside_attributes_are_named_as_they_are() -> None:
    event = parse(line(eventId="e-1", attributes={"unit_price": 1})).event

    reason = reason_of(InvalidEventError("no", path="payload.attributes.unit_price"), event)

    assert reason == "payload.attributes.unit_price: no"


def test_every_line_of_the_example_is_an_event() -> None:
    given = (DOCS / "examples" / "events.ndjson").read_bytes().splitlines()

    found = [parse(each).event for each in given]

    forms = {type(each) is Envelope for each in found}
    assert len(found) > 200
    assert forms == {True, False}


def test_the_lines_in_the_how_to_are_events() -> None:
    text = (DOCS / "how-to" / "publish-from-a-file.md").read_text()

    blocks = re.findall(r"```json\n(.+?)```", text, re.DOTALL)

    found = [parse(each.encode()).event for block in blocks for each in block.splitlines()]
    assert [type(each) for each in found] == [Exposure, Outcome, Envelope]
