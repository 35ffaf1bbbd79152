"""An event as a line for people."""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from experimentframework_core.cli._event_text import Columns, EventLines, cells_of
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import (
    AnalysisSignal,
    AnalysisSignalType,
    Assignment,
    Exposure,
    Outcome,
    OutcomeType,
    SignalSeverity,
    event_type_of,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, 4_999, tzinfo=UTC)


def envelope(payload: object, correlation_id: str | None = None) -> Envelope:
    registered = event_type_of(type(payload))
    return Envelope(
        event_id="e-1",
        timestamp=NOON,
        event_type="purchase" if registered is None else registered.name,
        schema_version="1.0.0",
        payload=payload,
        correlation_id=correlation_id,
    )


EXPOSURE = Exposure(
    experiment_name="checkout",
    variant_key="express",
    subject_id="u-1",
    selection_reason="by hand",
    timestamp=NOON,
)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (EXPOSURE, ("exposure", "checkout", "express", "u-1", 'selectionReason="by hand"')),
        (
            msgspec.structs.replace(EXPOSURE, is_repeat_exposure=False, attributes={"a": [1, "b"]}),
            (
                "exposure",
                "checkout",
                "express",
                "u-1",
                'selectionReason="by hand" attributes={"a":[1,"b"]}',
            ),
        ),
        (
            Outcome(
                experiment_name="checkout",
                subject_id="u-1",
                outcome_type=OutcomeType.COUNT,
                name="clicks",
                value=0.0,
                timestamp=NOON - timedelta(seconds=1),
            ),
            (
                "outcome",
                "checkout",
                "-",
                "u-1",
                "outcomeType=count name=clicks value=0.0 timestamp=2026-03-01T11:59:59.004999Z",
            ),
        ),
        (
            Assignment(
                experiment_name="checkout",
                subject_id="u-1",
                previous_variant_key="control",
                new_variant_key="express",
                change_reason="ramp",
                timestamp=NOON,
            ),
            (
                "assignment",
                "checkout",
                "express",
                "u-1",
                "previousVariantKey=control changeReason=ramp",
            ),
        ),
        (
            AnalysisSignal(
                experiment_name="checkout",
                signal_type=AnalysisSignalType.CUSTOM,
                severity=SignalSeverity.WARNING,
                message="",
                timestamp=NOON,
            ),
            (
                "analysisSignal",
                "checkout",
                "-",
                "-",
                'signalType=custom severity=warning message=""',
            ),
        ),
        (
            {"subjectId": 7, "price": 9.5},
            ("purchase", "-", "-", "7", "(not decoded: the type is not registered here) price=9.5"),
        ),
        (
            [1, 2],
            (
                "purchase",
                "-",
                "-",
                "-",
                "(not decoded: the type is not registered here) payload=[1,2]",
            ),
        ),
    ],
)
def test_what_an_event_says_is_in_its_cells(payload: object, expected: tuple[str, ...]) -> None:
    """Given an event, When it is put into cells, Then nothing that it says is left out."""
    cells = cells_of(envelope(payload))

    assert cells == ("2026-03-01 12:00:00.004", *expected)


def test_a_payload_that_does_not_fit_says_where() -> None:
    """Given a subject that is a number, When it is put into cells, Then that is the reason."""
    payload = msgspec.to_builtins(EXPOSURE) | {"subjectId": 7}
    event = msgspec.structs.replace(envelope(EXPOSURE), schema_version="1.0.0", payload=payload)

    assert cells_of(event)[-1].startswith("(not decoded: payload.subjectId: ")


def test_a_version_that_is_not_known_is_named() -> None:
    payload = msgspec.to_builtins(EXPOSURE)
    event = msgspec.structs.replace(envelope(EXPOSURE), schema_version="2.0.0", payload=payload)

    assert cells_of(event)[-1].startswith("(not decoded: version 2.0.0) ")


def test_a_year_has_four_digits() -> None:
    event = msgspec.structs.replace(envelope(EXPOSURE), timestamp=datetime(1, 1, 1, tzinfo=UTC))

    assert cells_of(event)[0] == "0001-01-01 00:00:00.000"


def test_the_correlation_id_is_said() -> None:
    """Given an event of a request, When it is put into cells, Then the request is told."""
    cells = cells_of(envelope(EXPOSURE, correlation_id="r 1"))

    assert cells[-1] == 'selectionReason="by hand" correlationId="r 1"'


def test_columns_widen_up_to_a_limit() -> None:
    """Given cells of several widths, When they are aligned, Then none is cut, none runs away."""
    columns = Columns()
    columns.widen(["a", "x" * 50, "rest"])
    columns.widen(["abc", "b", "other"])

    assert columns.aligned(["a", "b", "c"]) == ["a  ", f"b{' ' * 31}", "c"]
    assert columns.aligned(["a", "x" * 50, "c"]) == ["a  ", "x" * 50, "c"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("coloured", [False, True])
def test_a_terminal_gets_one_line_of_its_width(
    monkeypatch: pytest.MonkeyPatch, *, coloured: bool
) -> None:
    """Given a terminal, When an event is shown, Then it is cut, coloured if that is wanted."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "73")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if coloured:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", "1")

    EventLines().show(envelope(EXPOSURE))

    shown = terminal.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == (
        "2026-03-01 12:00:00.004  exposure  checkout  express  u-1  selectionReas…\n"
    )
    assert ("\x1b[36mexposure" in shown) == coloured
