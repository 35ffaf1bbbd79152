"""The rule of event types that a configuration names."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from experimentframework_core.config._problems.report import letters, nearest, shown, unknown
from experimentframework_core.events import event_type_named, event_types, type_name_pattern

if TYPE_CHECKING:
    from experimentframework_core.plugin import Severity

_MISSPELT = 0.85
"""How alike a name is to a known one, 0 to 1, that is hardly an application's own: `exposures`."""


def event_type_problem(name: str) -> tuple[str, Severity] | None:
    """Return what to say of an event type's name; None where such a type is registered.

    An application registers types of its own, which a command cannot know: only a name that is
    none, or is almost that of a known type, is an error.
    """
    if event_type_named(name) is not None:
        return None
    known = [each.name for each in event_types()]
    near = nearest(name, known)
    if not type_name_pattern.fullmatch(name) or (near and _alike(name, near) >= _MISSPELT):
        return unknown("event type", name, known), "error"
    parts = [f"no event type {shown(name)} is registered here", "the application must register it"]
    if near:
        parts.append(f"did you mean '{near}'?")
    return "; ".join(parts), "warning"


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, letters(one), letters(other)).ratio()
