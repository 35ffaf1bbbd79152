"""What to write instead of a text that is no value of its type."""

from __future__ import annotations

import pytest
from msgspec import inspect

from experimentframework_core.config._walk.scalars import suggested_duration, suggested_size
from experimentframework_core.config._walk.suggestions import (
    instead_of_amount,
    instead_of_boolean,
    instead_of_moment,
    instead_of_number,
)

QUOTES = "leave out the quotes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("yes", "did you mean true?"), ("OFF", "did you mean false?"), ("true", QUOTES), ("1", "")],
)
def test_a_word_for_a_boolean_is_known(text: str, expected: str) -> None:
    assert instead_of_boolean(text) == expected


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("5", inspect.IntType(), QUOTES),
        ("0.5", inspect.IntType(), ""),
        ("0.5", inspect.FloatType(), QUOTES),
        ("true", inspect.IntType(), ""),
        ("50%", inspect.FloatType(ge=0, le=1), "write 0.5"),
        ("5 %", inspect.FloatType(gt=0, lt=1), "write 0.05"),
        ("25%", inspect.IntType(ge=0, le=100), "write 25"),
        ("5%", inspect.FloatType(gt=0), ""),
        ("many", inspect.IntType(), ""),
    ],
)
def test_a_number_is_written_bare(
    text: str, kind: inspect.IntType | inspect.FloatType, expected: str
) -> None:
    """Given a number in quotes or a percentage, When asked, Then it is said how to write it."""
    assert instead_of_number(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500", QUOTES),
        ("30 seconds", "did you mean '30s'?"),
        ("2 hrs", "did you mean '2h'?"),
        ("0.5 MS", ""),  # no whole millisecond either
        ("soon", ""),
    ],
)
def test_a_duration_is_known_by_other_units(text: str, expected: str) -> None:
    assert instead_of_amount(text, suggested_duration) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64M", "did you mean '64MB'?"),
        ("64Mi", "did you mean '64MiB'?"),
        ("1 kbyte", "did you mean '1kB'?"),
        ("1.5B", ""),
    ],
)
def test_a_size_is_known_by_other_units(text: str, expected: str) -> None:
    assert instead_of_amount(text, suggested_size) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-01", "did you mean '2026-10-01T00:00:00Z'?"),
        ("2026-10-01T08:30+02:00", "did you mean '2026-10-01T08:30:00+02:00'?"),
        ("2026-10-01 08:30", "did you mean '2026-10-01T08:30:00Z'?"),
        ("2026-02-30T00:00:00Z", "there is no such day or time"),
        ("01.10.2026", ""),
    ],
)
def test_a_moment_is_known_by_less(text: str, expected: str) -> None:
    """Given a day, or a time without seconds, When asked, Then the whole of it is suggested."""
    assert instead_of_moment(text) == expected
