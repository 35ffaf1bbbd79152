"""Rules for arrays: what stands at each place, and behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._compatibility.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from experimentframework_core._compatibility.cases import Case
    from experimentframework_core._compatibility.findings import Finding

    Compare = Callable[[Node, Node], list[Finding]]


def array_findings(case: Case, part: Node, compare: Compare) -> Iterator[Finding]:
    """Yield what is found about the items of arrays."""
    most = min((limit for limit in case.said("maxItems")), default=None)
    ends = 1 + max(len(node.inside("prefixItems")) for node in (*case.nodes, part))
    for index in range(ends):
        if most is not None and index >= most:
            return
        place = _item(part, index)
        if place is None:
            continue
        places = [found for node in case.nodes if (found := _item(node, index))]
        if any(each.value is False for each in places):
            return
        tried = [compare(each, place) for each in places or [_anything(case)]]
        yield from min(tried, key=lambda found: sum(each.breaks for each in found))


def _item(node: Node, index: int) -> Node | None:
    """Return the schema of the item at that place, or None where any will do."""
    before = node.inside("prefixItems")
    if index < len(before):
        return before[index]
    return node.at("items") if node.has("items") else None


def _anything(case: Case) -> Node:
    return Node(document=True, value=True, pointer=case.nodes[0].pointer)
