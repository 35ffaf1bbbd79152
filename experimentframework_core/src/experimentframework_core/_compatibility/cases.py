"""The ways in which a document can be what a schema asks for."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from experimentframework_core._compatibility.nodes import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._compatibility.nodes import Node

_kinds = {
    "null": {"null"},
    "boolean": {"boolean"},
    "object": {"object"},
    "array": {"array"},
    "string": {"string"},
    "integer": {"integer"},
    "number": {"integer", "fraction"},
}
_types: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    str: "string",
    list: "array",
    dict: "object",
}
ALL = frozenset().union(*_kinds.values())
_most = 64
"""The most combinations of alternatives that are looked at one by one."""


class Case(NamedTuple):
    """Documents of one kind that all of the nodes accept.

    Attributes:
        nodes: The schemas; what they say of other kinds does not matter.
        kind: ``object``, ``array``, ``string``, ``number``, ``boolean`` or ``null``.
        types: The kind, or which of ``integer`` and ``fraction`` a number can be.
    """

    nodes: tuple[Node, ...]
    kind: str
    types: frozenset[str]

    def said(self, keyword: str) -> list[Any]:
        """Return what the nodes say for a keyword."""
        return [node.value[keyword] for node in self.nodes if node.has(keyword)]

    def values(self) -> list[Any] | None:
        """Return the only values that there can be, or None where they are not listed."""
        if listed := self.said("const") or self.said("enum")[:1]:
            values = [listed[0]] if self.said("const") else listed[0]
            return [value for value in values if type_of(value) in self.types]
        if self.kind == "null":
            return [None]
        return [False, True] if self.kind == "boolean" else None


def cases_of(node: Node) -> Iterator[Case]:
    """Yield cases which together are all documents that the schema accepts, or more."""
    for nodes in _conjunctions(node):
        types = ALL.intersection(*(types_of(each) for each in nodes))
        for kind in ("null", "boolean", "number", "string", "array", "object"):
            if own := types & {kind, *(("integer", "fraction") if kind == "number" else ())}:
                yield Case(nodes, kind, own)


def types_of(node: Node) -> frozenset[str]:
    """Return the types that the node itself accepts."""
    if node.value is False:
        return frozenset()
    if node.has("const"):
        return frozenset({type_of(node.value["const"])})
    if node.has("enum"):
        return frozenset(type_of(value) for value in node.value["enum"])
    return types_said(node)


def types_said(node: Node) -> frozenset[str]:
    """Return the types that its keyword ``type`` names, or all."""
    if not node.has("type"):
        return ALL
    said = node.value["type"]
    names = said if isinstance(said, list) else [said]
    return frozenset().union(*(_kinds.get(name, {str(name)}) for name in names))


def type_of(value: object) -> str:
    """Return the type of a JSON value."""
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    return _types.get(type(value), "null")


def is_exclusive(node: Node) -> bool:
    """Return whether no document can be what two schemas of its ``oneOf`` ask for."""
    branches = [[*cases_of(each)] for each in node.inside("oneOf")]
    return all(
        _are_apart(one, other)
        for index, left in enumerate(branches)
        for right in branches[index + 1 :]
        for one in left
        for other in right
    )


def _are_apart(one: Case, other: Case) -> bool:
    if not one.types & other.types:
        return True
    left, right = one.values(), other.values()
    if left is not None and right is not None:
        return not {key_of(value) for value in left} & {key_of(value) for value in right}
    return one.kind == "object" and any(
        _tags(one, name).isdisjoint(_tags(other, name)) for name in _tagged(one) & _tagged(other)
    )


def _tagged(case: Case) -> set[str]:
    """Return the fields that must be there and have listed values."""
    return {name for names in case.said("required") for name in names if _tags(case, name)}


def _tags(case: Case, name: str) -> set[object]:
    for node in case.nodes:
        if node.has("properties") and name in node.value["properties"]:
            said = node.value["properties"][name]
            if isinstance(said, dict) and ("const" in said or "enum" in said):
                values = [said["const"]] if "const" in said else said["enum"]
                return {key_of(value) for value in values}
    return set()


def _conjunctions(node: Node) -> list[tuple[Node, ...]]:
    """Return tuples of schemas of which all of one must accept a document."""
    parts = node.parts()
    choices = [
        [nodes for alternative in part.inside(keyword) for nodes in _conjunctions(alternative)]
        for part in parts
        for keyword in ("anyOf", "oneOf")
        if part.has(keyword)
    ]
    number = 1
    for choice in choices:
        number *= len(choice)
    if number > _most:  # Without them it is more than the schema accepts, which is safe.
        choices = []
    return [(*parts, *(each for nodes in chosen for each in nodes)) for chosen in product(*choices)]
