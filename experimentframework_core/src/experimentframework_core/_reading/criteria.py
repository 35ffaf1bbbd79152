"""What a caller wants to read, as a selection that makes sense."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

import msgspec

from experimentframework_core.plugin import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = ("types", "experiments", "subjects")
_TYPES = (
    ("correlation_id", str | None, "text, or None"),
    ("since", datetime | None, "a datetime with a time zone, as datetime(2026, 1, 1, tzinfo=UTC)"),
    ("until", datetime | None, "a datetime with a time zone, as datetime(2026, 1, 1, tzinfo=UTC)"),
    ("checkpoint", str | None, "text that a reader gave, or None"),
    ("follow", bool, "True or False"),
)


class Criteria(TypedDict, total=False):
    """The fields of a `Selection`, by name; a single name may stand for one that has only it."""

    types: Iterable[str]
    experiments: Iterable[str]
    subjects: Iterable[str]
    correlation_id: str | None
    since: datetime | None
    until: datetime | None
    checkpoint: str | None
    follow: bool


def selection_from(selection: Selection | None, criteria: Criteria) -> Selection:
    """Return ``selection`` with what ``criteria`` say beside it.

    Raises:
        ValueError: A time has no zone, or the first time is behind the last.
        TypeError: There is no such criterion, or one is of another type.
    """
    made = msgspec.structs.replace(selection or Selection(), **_tuples(criteria))
    _check_types(made)
    for name, time in (("since", made.since), ("until", made.until)):
        if time is not None and time.tzinfo is None:
            raise ValueError(f"{name}={time.isoformat()} has no time zone: say which, as in UTC")
    if problem := backwards(made):
        raise ValueError(problem)
    return made


def backwards(selection: Selection) -> str | None:
    """Return what is wrong where the first time is not before the last; None if it is."""
    since, until = selection.since, selection.until
    if since is None or until is None or since < until:
        return None
    return (
        f"since {since.isoformat()} is not before until {until.isoformat()}, so no event is"
        " selected: swap them, or leave one out"
    )


def _tuples(criteria: Criteria) -> Mapping[str, object]:
    found: dict[str, object] = dict(criteria)
    for name in _NAMES:
        value = found.get(name)
        if isinstance(value, str):
            found[name] = (value,)
        elif isinstance(value, Iterable) and not isinstance(value, bytes):
            found[name] = tuple(value)
    return found


def _check_types(selection: Selection) -> None:
    for name in _NAMES:
        value = getattr(selection, name)
        if not (isinstance(value, tuple) and all(isinstance(each, str) for each in value)):
            raise TypeError(f"{name}={value!r}: expected names, as in {name}=['a', 'b']")
    for name, kind, expected in _TYPES:
        value = getattr(selection, name)
        if not isinstance(value, kind):
            raise TypeError(f"{name}={value!r}: expected {expected}")
