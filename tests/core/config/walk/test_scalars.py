"""What plain text means."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.config._walk.scalars import (
    DURATION_UNITS,
    SIZE_UNITS,
    TEXT_FORMS,
    duration,
    quantity,
    resolve,
    suggested_duration,
    suggested_unit,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("12", 12),
        ("-3", -3),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        (".inf", math.inf),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("٣", "٣"),
    ],
)
def test_plain_text_means_what_yaml_1_2_says(text: str, value: object) -> None:
    """Given plain text, When it is resolved, Then YAML 1.2's core schema holds."""
    meant = resolve(text)

    assert meant == value
    assert type(meant) is type(value)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(float(resolve(".nan") or 0))


@given(st.text(max_size=80))
def test_any_text_means_something(text: str) -> None:
    """Given any text, When it is resolved, Then no error comes."""
    meant = resolve(text)

    assert meant is None or isinstance(meant, bool | int | float | str)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("250ms", 250),
        ("10s", 10_000),
        ("1.5 s", 1500),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("1d", 86_400_000),
        ("1.5ms", None),
        ("10", None),
        ("10S", None),
        ("-1s", None),
        ("1s2", None),
    ],
)
def test_a_duration_has_a_unit(text: str, milliseconds: int | None) -> None:
    assert quantity(text, DURATION_UNITS) == milliseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("64kB", 64_000),
        ("1MB", 1_000_000),
        ("64KiB", 65_536),
        ("1.5MiB", 1_572_864),
        ("1GiB", 1024**3),
        ("1Mb", None),
        ("MiB", None),
    ],
)
def test_a_size_has_a_unit(text: str, size: int | None) -> None:
    assert quantity(text, SIZE_UNITS) == size


def test_a_unit_in_the_wrong_case_is_mended() -> None:
    assert suggested_unit("64mib", SIZE_UNITS) == "64MiB"
    assert suggested_unit("64 parsecs", SIZE_UNITS) is None


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("30s", 30_000),
        ("1.5 h", 5_400_000),
        ("00:00:30", 30_000),
        ("00:30:00", 1_800_000),
        ("23:59:59.9990000", 86_399_999),
        ("1.02:00:00", 93_600_000),
        ("7:00:00", 25_200_000),
        ("PT30S", 30_000),
        ("PT0.25S", 250),
        ("P1DT2H", 93_600_000),
        ("PT90M", 5_400_000),
        ("P2W", 1_209_600_000),
        ("P14D", 1_209_600_000),
        ("", None),
        ("30", None),
        ("00:30", None),
        ("24:00:00", None),
        ("00:60:00", None),
        ("-00:00:30", None),
        ("00:00:00.0001", None),
        ("P", None),
        ("PT", None),
        ("P1DT", None),
        ("P1M", None),
        ("P1Y", None),
        ("PT1,5S", None),
        ("pt30s", None),
        ("PT30S ", None),
        ("00:00:30\n", None),
        ("\u0660\u0660:00:30", None),
    ],
)
def test_a_duration_is_read_in_every_spelling(text: str, milliseconds: int | None) -> None:
    """Given a duration with a unit, of .NET or of ISO 8601, When it is read, Then it is whole."""
    assert duration(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("00:30", "00:30:00"),
        ("24:00:00", "1.00:00:00"),
        ("36:15", "1.12:15:00"),
        ("pt30s", "PT30S"),
        ("30S", "30s"),
        ("soon", None),
        ("99:99", None),
    ],
)
def test_a_duration_that_is_almost_one_is_suggested(text: str, meant: str | None) -> None:
    """Given almost a duration, When it is looked at, Then what was meant is said."""
    assert suggested_duration(text) == meant
    assert meant is None or duration(meant) is not None


@given(st.one_of([st.from_regex(form, fullmatch=True) for form in TEXT_FORMS["duration"]]))
def test_any_text_of_the_form_of_a_duration_is_read_or_refused(text: str) -> None:
    """Given any text of a duration's form, When it is read, Then it is whole or nothing."""
    amount = duration(text)

    assert amount is None or amount >= 0
