"""Whether readers of a new schema can read what was written by an old one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from experimentframework_core._compatibility.comparison import Comparison
from experimentframework_core._compatibility.form import check_form
from experimentframework_core._compatibility.nodes import Node

if TYPE_CHECKING:
    from experimentframework_core._compatibility.findings import Finding

__all__ = ["Difference", "Schema", "differences"]

Schema = dict[str, Any] | bool


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between two schemas, and what it means for events that are there already.

    Attributes:
        breaking: Whether an old event may be refused, or read as something else.
        kind: What differs: ``type``, ``values`` (an enum or const), ``required``, ``field`` (added
            or removed), ``default``, or the keyword of JSON Schema, as ``maxLength``.
        place: Where, as a JSON pointer.
        within: The schema that the pointer leads into: ``new``, or ``old`` for what is gone.
        meaning: What it means, in a few words.
    """

    breaking: bool
    kind: str
    place: str
    within: Literal["old", "new"]
    meaning: str


def differences(old: Schema, new: Schema) -> list[Difference]:
    """Return how two JSON Schemas (draft 2020-12) differ, what breaks first.

    Where nothing breaks, every event that was written by the old schema is accepted by the new
    one. Where the rules cannot tell, they say that it breaks. A writer writes the fields that its
    schema names: an object whose schema has ``properties`` has no other fields, unless it says
    ``additionalProperties``. Leaving out a field means its ``default``.

    Args:
        old: The schema by which events were written.
        new: The schema by which they are to be read.

    Raises:
        ValueError: One is no JSON Schema, or refers to what is not in it.
    """
    before, after = Node(old, old), Node(new, new)
    try:
        for node in (before, after):
            check_form(node)
        ahead = Comparison().findings(before, after)
        back = Comparison().findings(after, before)
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"not a JSON Schema of draft 2020-12: {error!r}") from error
    except RecursionError:
        raise ValueError("a schema refers to itself without end") from None
    told = _Told(ahead)
    found = [_ahead(each) for each in ahead]
    found += [_back(each) for each in back if each not in told]
    return sorted(dict.fromkeys(found), key=lambda each: not each.breaking)


class _Told:
    """What has been said by the findings ahead, so that those back need not repeat it."""

    def __init__(self, ahead: list[Finding]) -> None:
        self._same = {(each.kind, each.target, each.source) for each in ahead}
        self._gone = {each.source for each in ahead if each.target is None}
        self._new = {each.target for each in ahead if each.source is None}

    def __contains__(self, back: Finding) -> bool:
        return (
            (back.kind, back.source, back.target) in self._same
            or back.target in self._gone
            or back.source in self._new
        )


def _ahead(finding: Finding) -> Difference:
    place = finding.source if finding.target is None else finding.target
    return Difference(
        breaking=finding.breaks,
        kind=finding.kind,
        place=place or "",
        within="old" if finding.target is None else "new",
        meaning=finding.ahead,
    )


def _back(finding: Finding) -> Difference:
    """Return what only a reader of the old schema would mind."""
    place = finding.target if finding.source is None else finding.source
    return Difference(
        breaking=False,
        kind=finding.kind,
        place=place or "",
        within="old" if finding.source is None else "new",
        meaning=finding.back,
    )
