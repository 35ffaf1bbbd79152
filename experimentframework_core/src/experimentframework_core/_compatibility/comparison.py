"""Finds the documents of one schema that another one refuses.

The rules are safe: where nothing breaks, the target accepts every document of the source. They do
not always see that it does, and then find something that breaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._compatibility.arrays import array_findings
from experimentframework_core._compatibility.cases import cases_of, is_exclusive, types_said
from experimentframework_core._compatibility.findings import changed, refused, unjudged
from experimentframework_core._compatibility.objects import object_findings
from experimentframework_core._compatibility.values import value_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._compatibility.cases import Case
    from experimentframework_core._compatibility.findings import Finding
    from experimentframework_core._compatibility.nodes import Node

_same_or_not: dict[tuple[str, ...], str | None] = {
    ("not",): None,
    ("if",): None,
    ("then",): None,
    ("else",): None,
    ("dependentRequired",): "object",
    ("dependentSchemas",): "object",
    ("dependencies",): "object",
    ("propertyNames",): "object",
    ("patternProperties", "additionalProperties"): "object",
    ("contains", "minContains", "maxContains"): "array",
    ("uniqueItems",): "array",
    ("pattern",): "string",
    ("format",): "string",
    ("contentEncoding",): "string",
    ("contentMediaType",): "string",
    ("contentSchema",): "string",
}
"""Keywords that are the same or not, each with those it depends on, and its kind of values."""

_neutral: dict[str, object] = {
    "uniqueItems": False,
    "patternProperties": {},
    "dependentRequired": {},
}
"""What refuses nothing."""

_depending = {
    "unevaluatedProperties": "object",
    "unevaluatedItems": "array",
    "additionalItems": "array",
    "$dynamicRef": None,
    "$recursiveRef": None,
}
"""Keywords that may refuse more although they are the same: it depends on what stands around."""


class Comparison:
    """One run over two schemas; it knows which pairs it is in the middle of."""

    def __init__(self) -> None:
        self._open: set[tuple[int, int]] = set()

    def findings(self, source: Node, target: Node) -> list[Finding]:
        """Return what is found where ``target`` is to accept what ``source`` accepts."""
        pair = id(source.value), id(target.value)
        if pair in self._open or source.is_same(target):
            return []
        self._open.add(pair)
        try:
            return [found for case in cases_of(source) for found in self._of_case(case, target)]
        finally:
            self._open.discard(pair)

    def _of_case(self, case: Case, target: Node) -> Iterator[Finding]:
        if not any(node.is_same(target) for node in case.nodes):
            parts = target.parts()
            for part in parts:
                yield from self._of_part(case, part, parts)

    def _of_part(self, case: Case, part: Node, parts: list[Node]) -> Iterator[Finding]:
        if part.value is False or not case.types <= types_said(part):
            yield _refused(case, part)
            return
        if not isinstance(part.value, dict) or any(node.is_same(part) for node in case.nodes):
            return
        yield from value_findings(case, part)
        yield from _same_findings(case, part)
        if case.kind == "object":
            yield from object_findings(case, part, parts, self.findings)
        elif case.kind == "array":
            yield from array_findings(case, part, self.findings)
        for keyword in ("anyOf", "oneOf"):
            if part.has(keyword):
                yield from self._of_alternatives(case, part, keyword)

    def _of_alternatives(self, case: Case, part: Node, keyword: str) -> Iterator[Finding]:
        if keyword == "oneOf" and not is_exclusive(part):
            yield unjudged(keyword, case.nodes[0], part)
        suiting = [
            [*self._of_case(case, each)]
            for each in part.inside(keyword)
            if any(case.types <= other.types for other in cases_of(each))
        ]
        if suiting:
            yield from min(suiting, key=lambda found: sum(each.breaks for each in found))
        else:
            yield _refused(case, part)


def _refused(case: Case, part: Node) -> Finding:
    said = types_said(part) if part.value is not False else frozenset()
    gone = case.types - said
    kind = _a.get("".join(gone), _a[case.kind])
    return refused(kind, case.nodes[0], part)


def _same_findings(case: Case, part: Node) -> Iterator[Finding]:
    for keywords, kind in _same_or_not.items():
        keyword = keywords[0]
        if kind not in (None, case.kind) or not part.has(keyword):
            continue
        if keyword in _neutral and part.value[keyword] == _neutral[keyword]:
            continue
        if any(_say_the_same(node, part, keywords) for node in case.nodes):
            continue
        before = next(iter(case.said(keyword)), None)
        if isinstance(part.value[keyword], str):
            yield changed(keyword, before, case.nodes[0], part)
        else:
            yield unjudged(keyword, case.nodes[0], part)
    for keyword, kind in _depending.items():
        if kind in (None, case.kind) and part.has(keyword):
            yield unjudged(keyword, case.nodes[0], part)


def _say_the_same(node: Node, part: Node, keywords: tuple[str, ...]) -> bool:
    return all(
        node.has(each) == part.has(each)
        and (not part.has(each) or node.at(each).is_same(part.at(each)))
        for each in keywords
    )


_a = {
    "null": "null",
    "boolean": "a boolean",
    "number": "a number",
    "integer": "a whole number",
    "fraction": "a number with a fraction",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}
