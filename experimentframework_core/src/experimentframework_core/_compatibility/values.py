"""Rules for values, and for how long or large they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from experimentframework_core._compatibility.cases import type_of
from experimentframework_core._compatibility.findings import Finding, changed, shown, unjudged
from experimentframework_core._compatibility.nodes import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from experimentframework_core._compatibility.cases import Case
    from experimentframework_core._compatibility.nodes import Node


class _Limit(NamedTuple):
    """A keyword with a number, and when the source keeps to it.

    Attributes:
        kind: The kind of values that it is about.
        keyword: The keyword.
        size: What of a value it is about.
        suffices: For each keyword of the source: whether its number (first) is enough for the
            target's (second).
        holds: Whether a size (first) keeps to the target's number (second).
    """

    kind: str
    keyword: str
    size: Callable[[Any], Any]
    suffices: dict[str, Callable[[Any, Any], bool]]
    holds: Callable[[Any, Any], bool]


def _at_least(own: float, wanted: float) -> bool:
    return own >= wanted


def _at_most(own: float, wanted: float) -> bool:
    return own <= wanted


def _above(own: float, wanted: float) -> bool:
    return own > wanted


def _below(own: float, wanted: float) -> bool:
    return own < wanted


def _multiple(own: float, wanted: float) -> bool:
    whole = float(own).is_integer() and float(wanted).is_integer()
    return own % wanted == 0 if whole else own == wanted


def _itself(value: float) -> float:
    return value


def _sizes(kind: str, noun: str) -> tuple[_Limit, _Limit]:
    low, high = f"min{noun}", f"max{noun}"
    return (
        _Limit(kind, low, len, {low: _at_least}, _at_least),
        _Limit(kind, high, len, {high: _at_most}, _at_most),
    )


_limits = (
    *_sizes("string", "Length"),
    *_sizes("array", "Items"),
    *_sizes("object", "Properties"),
    _Limit(
        "number",
        "minimum",
        _itself,
        {"minimum": _at_least, "exclusiveMinimum": _at_least},
        _at_least,
    ),
    _Limit(
        "number",
        "exclusiveMinimum",
        _itself,
        {"minimum": _above, "exclusiveMinimum": _at_least},
        _above,
    ),
    _Limit(
        "number",
        "maximum",
        _itself,
        {"maximum": _at_most, "exclusiveMaximum": _at_most},
        _at_most,
    ),
    _Limit(
        "number",
        "exclusiveMaximum",
        _itself,
        {"maximum": _below, "exclusiveMaximum": _at_most},
        _below,
    ),
    _Limit("number", "multipleOf", _itself, {"multipleOf": _multiple}, _multiple),
)
_refuses_nothing = {"minLength": 0, "minItems": 0, "minProperties": 0}


def value_findings(case: Case, part: Node) -> Iterator[Finding]:
    """Yield what is found about listed values, lengths and sizes."""
    yield from _listed(case, part)
    for limit in _limits:
        keyword = limit.keyword
        if limit.kind != case.kind or not part.has(keyword):
            continue
        wanted = part.value[keyword]
        if type_of(wanted) not in {"integer", "fraction"}:
            yield unjudged(keyword, case.nodes[0], part)
        elif _refuses_nothing.get(keyword) != wanted and not _keeps(case, limit, wanted):
            yield changed(keyword, next(iter(case.said(keyword)), None), _origin(case, limit), part)


def _origin(case: Case, limit: _Limit) -> Node:
    return next((node for node in case.nodes if node.has(limit.keyword)), case.nodes[0])


def _keeps(case: Case, limit: _Limit, wanted: float) -> bool:
    if any(
        suffices(own, wanted)
        for keyword, suffices in limit.suffices.items()
        for own in case.said(keyword)
        if type_of(own) in {"integer", "fraction"}
    ):
        return True
    if limit.keyword == "multipleOf" and wanted == 1 and "fraction" not in case.types:
        return True
    values = case.values()
    return values is not None and all(limit.holds(limit.size(value), wanted) for value in values)


def _listed(case: Case, part: Node) -> Iterator[Finding]:
    keyword = "const" if part.has("const") else "enum"
    if not part.has(keyword):
        return
    taken = [part.value["const"]] if keyword == "const" else part.value["enum"]
    origin = next((node for node in case.nodes if node.has("const") or node.has("enum")), None)
    source = (origin or case.nodes[0]).pointer
    if origin is not None:
        source += "/const" if origin.has("const") else "/enum"
    values = case.values()
    if values is None:
        list_ = ", ".join(map(shown, taken))
        ahead = f"narrowed: only {list_} is taken, and any {case.kind} was"
        back = f"widened: any {case.kind} is taken, and only {list_} was"
    else:
        keys = {key_of(value) for value in taken}
        gone = ", ".join(shown(value) for value in values if key_of(value) not in keys)
        if not gone:
            return
        ahead = f"narrowed: {gone} is refused, and was taken"
        back = f"widened: {gone} is taken, and was refused"
    yield Finding("values", True, source, f"{part.pointer}/{keyword}", ahead, back)  # noqa: FBT003
