"""A schema at its place in a document, with references followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Hashable


class Node(NamedTuple):
    """A schema, or what stands in one, and its place.

    Attributes:
        document: The whole schema, which references are about.
        value: What stands at the place.
        pointer: The place, as a JSON pointer.
    """

    document: object
    value: Any
    pointer: str = ""

    def at(self, *keys: str | int) -> Node:
        """Return what stands inside, at these keys."""
        value, pointer = self.value, self.pointer
        for key in keys:
            value = value[key]
            pointer += "/" + str(key).replace("~", "~0").replace("/", "~1")
        return Node(self.document, value, pointer)

    def has(self, keyword: str) -> bool:
        """Return whether this is a schema with that keyword."""
        return isinstance(self.value, dict) and keyword in self.value

    def inside(self, keyword: str) -> list[Node]:
        """Return the schemas of a list, or none where the keyword is not there."""
        if not self.has(keyword):
            return []
        return [self.at(keyword, index) for index in range(len(self.value[keyword]))]

    def parts(self) -> list[Node]:
        """Return the schemas that must all accept a document: this one, and those it refers to.

        Raises:
            ValueError: A reference leads nowhere.
        """
        if not isinstance(self.value, dict):
            return [self]
        found = [self]
        if self.has("$ref"):
            found += self.target(self.value["$ref"]).parts()
        for each in self.inside("allOf"):
            found += each.parts()
        return found

    def is_same(self, other: Node) -> bool:
        """Return whether both say the same, and mean the same by their references."""
        if key_of(_bare(self.value)) != key_of(_bare(other.value)):
            return False
        return not _references(self.value) or self._meant() == other._meant()

    def target(self, reference: object) -> Node:
        """Return what a reference of this schema leads to.

        Raises:
            ValueError: It leads nowhere.
        """
        if reference == "#":
            return Node(self.document, self.document)
        if not (isinstance(reference, str) and reference.startswith("#/")):
            raise ValueError(f"{self.pointer}/$ref: only references into the same schema are read")
        root = Node(self.document, self.document)
        try:
            for part in reference[2:].split("/"):
                key = unquote(part).replace("~1", "/").replace("~0", "~")
                root = root.at(int(key) if isinstance(root.value, list) else key)
        except (LookupError, TypeError, ValueError):
            raise ValueError(f"{self.pointer}/$ref: {reference} is not there") from None
        return root

    def _meant(self) -> Hashable:
        """Return what references can lead to: the definitions, or the whole document."""
        document = self.document if isinstance(self.document, dict) else {}
        definitions = {name: document.get(name) for name in ("$defs", "definitions")}
        inside = tuple(f"#/{name}/" for name in definitions)
        references = [*_references(self.value), *_references(definitions)]
        stay = all(str(each).startswith(inside) for each in references)
        return key_of(_bare(definitions if stay else document))


def key_of(value: object) -> Hashable:
    """Return what is equal for equal JSON values, in which 1 is 1.0 and is not true."""
    if isinstance(value, dict):
        return frozenset((name, key_of(each)) for name, each in value.items())
    if isinstance(value, list):
        return tuple(key_of(each) for each in value)
    return (type(value) is bool, value)


def _bare(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema without what only describes it."""
    if isinstance(value, dict):
        return {
            name: each if name in _data else _bare(each)
            for name, each in value.items()
            if name not in _wording or not isinstance(each, str)
        }
    return [_bare(each) for each in value] if isinstance(value, list) else value


def _references(value: object) -> list[object]:
    """Return every reference in a schema."""
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for each in value.values() for found in _references(each)]
    if isinstance(value, list):
        return [found for each in value for found in _references(each)]
    return []


_data = frozenset({"const", "enum", "default", "examples"})
_wording = frozenset({"title", "description", "$comment", "$id", "$schema"})
