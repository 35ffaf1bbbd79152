"""Rules for objects: fields that come, go, or must be there.

What writes by a schema writes the fields that it names. So an object whose schema has
``properties`` has no others, unless ``additionalProperties`` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core._compatibility.findings import Finding, shown
from experimentframework_core._compatibility.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from experimentframework_core._compatibility.cases import Case

    Compare = Callable[[Node, Node], list[Finding]]


def object_findings(
    case: Case, part: Node, parts: list[Node], compare: Compare
) -> Iterator[Finding]:
    """Yield what is found about the fields of objects.

    Args:
        case: The objects of the source.
        part: What accepts them, or not.
        parts: All that must accept them: what a field is called may stand in another of them.
        compare: Compares what stands inside.
    """
    fields = {name for names in case.said("properties") for name in names}
    required = {name for names in case.said("required") for name in names}
    others = _others(case.nodes)
    known = part.value.get("properties", {})
    yield from _required(case, part, fields, required, open_=others is not None)
    for name in sorted(fields):
        places = [each.at("properties", name) for each in case.nodes if _knows(each, name)]
        if name in known:
            place = part.at("properties", name)
            yield from _best(places, place, compare)
            if name not in required:
                yield from _default(places[0], place)
        else:
            named = not part.has("properties") or any(_knows(each, name) for each in parts)
            yield from _gone(name, places, part, compare, named=named)
    if others is None:
        return
    for name in sorted(known.keys() - fields):
        yield from compare(others, part.at("properties", name))
    if part.has("additionalProperties"):
        yield from compare(others, part.at("additionalProperties"))


def _others(nodes: Iterable[Node]) -> Node | None:
    """Return the schema of fields that are not named, or None where there are no others."""
    said = [node.at("additionalProperties") for node in nodes if node.has("additionalProperties")]
    if any(node.value is False for node in said):
        return None
    if said:
        return said[0]
    open_ = [node for node in nodes if node.has("patternProperties") or node.has("propertyNames")]
    if not open_ and any(node.has("properties") for node in nodes):
        return None
    return Node(document=True, value=True, pointer=next(iter(nodes)).pointer)


def _knows(node: Node, name: str) -> bool:
    return node.has("properties") and name in node.value["properties"]


def _best(places: list[Node], place: Node, compare: Compare) -> list[Finding]:
    """Return the findings of the schema, of those that all hold, which says most."""
    tried = [compare(each, place) for each in places]
    return min(tried, key=lambda found: sum(each.breaks for each in found))


def _required(
    case: Case, part: Node, fields: set[str], required: set[str], *, open_: bool
) -> Iterator[Finding]:
    for name in part.value.get("required", ()):
        if name in required:
            continue
        new = name not in fields and not open_
        yield Finding(
            "required",
            breaks=True,
            source=None if new else _first_place(case, name),
            target=_place(part, name),
            ahead=(
                f"new required field: no old event has {shown(name)}"
                if new
                else f"narrowed: {shown(name)} is required, and could be left out"
            ),
            back=f"widened: {shown(name)} may be left out, and was required",
        )


def _first_place(case: Case, name: str) -> str:
    return _place(next((each for each in case.nodes if _knows(each, name)), case.nodes[0]), name)


def _place(part: Node, name: str) -> str:
    return part.at("properties", name).pointer if _knows(part, name) else part.pointer


def _gone(
    name: str, places: list[Node], part: Node, compare: Compare, *, named: bool
) -> Iterator[Finding]:
    """Yield that a field of the source is not named here; ``named``: that says nothing."""
    said: Any = part.value.get("additionalProperties", True)
    if said is not False and said is not True:
        yield from _best(places, part.at("additionalProperties"), compare)
    if named and said is not False:
        return
    default = ""
    if isinstance(places[0].value, dict) and "default" in places[0].value:
        default = f", which is {shown(places[0].value['default'])} where it is left out"
    yield Finding(
        "field",
        breaks=said is False,
        source=places[0].pointer,
        target=None,
        ahead=(
            f"removed field: {shown(name)} is refused where it is written"
            if said is False
            else f"removed field: {shown(name)} of old events is kept as it is, but not read"
        ),
        back=f"new optional field: {shown(name)}{default}",
    )


def _default(before: Node, after: Node) -> Iterator[Finding]:
    """Yield that leaving out a field means another value."""
    old, new = (_default_of(each) for each in (before, after))
    if old != new:
        yield Finding(
            "default",
            breaks=True,
            source=before.pointer,
            target=after.pointer,
            ahead=f"misread: a field that was left out is {new}, and was {old}",
            back=f"a field that is left out is {old}",
        )


def _default_of(node: Node) -> str:
    return shown(node.value["default"]) if node.has("default") else "absent"
