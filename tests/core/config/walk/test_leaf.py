"""Scalars as values of their types."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import pytest
from msgspec import inspect

from experimentframework_core.config._tree import Scalar
from experimentframework_core.config._walk.leaf import leaf_value

if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (
            inspect.DateTimeType(tz=True),
            "9999-12-31T23:59:59.9999999Z",
            datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        ),
        (
            inspect.DateTimeType(tz=True),
            "2026-01-31T12:00:00.123456789+00:00",
            datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC),
        ),
        (
            inspect.DateTimeType(tz=True),
            "2026-01-31T12:00:00.5Z",
            datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC),
        ),
        (inspect.TimeType(), "23:59:59.9999999", time(23, 59, 59, 999_999)),
    ],
)
def test_what_is_finer_than_microseconds_is_cut(
    kind: inspect.Type, text: str, expected: Any
) -> None:
    """Given a time with more than six digits, When it is read, Then the later ones are cut."""
    found = leaf_value(Scalar(text), kind)

    assert found == expected
