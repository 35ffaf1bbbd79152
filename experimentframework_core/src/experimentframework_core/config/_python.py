"""Makes the tree of an options object, so that Python and files are checked by the same rules."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.config._tree import Entry, Items, Mapping, Scalar

if TYPE_CHECKING:
    from experimentframework_core.config._tree import Node


def tree_of(value: object) -> Node:
    """Return the tree that a file with the same settings would have, without places."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        entries = (Entry(each.encode_name, tree_of(getattr(value, each.name))) for each in fields)
        return Mapping(tuple(entries), origin=type(value))
    if isinstance(value, dict):
        return Mapping(tuple(Entry(str(key), tree_of(each)) for key, each in value.items()))
    if isinstance(value, list | tuple | set | frozenset):
        return Items(tuple(tree_of(each) for each in value))
    return Scalar(value.value if isinstance(value, Enum) else value)
