"""Walks a tree along a type: every problem is noted, every good value converted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import inspect

from experimentframework_core.config._problems.report import MISSING, Report
from experimentframework_core.config._text.refusals import HALF_A_CHARACTER
from experimentframework_core.config._tree import (
    UNKNOWN,
    Items,
    Mapping,
    Node,
    Scalar,
    below,
    is_whole,
    scalars,
)
from experimentframework_core.config._walk.describe import (
    LISTS,
    actual,
    alternatives,
    expected,
    shows_values,
    takes_text,
    unwrapped,
)
from experimentframework_core.config._walk.field_types import fields_of, keys_of
from experimentframework_core.config._walk.leaf import Refusal, leaf_value
from experimentframework_core.config._walk.scalars import meaning
from experimentframework_core.config._walk.unknown_keys import unknown_key
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from experimentframework_core.config._tree import Place

INVALID = object()
"""What a walk returns for a node that has a problem."""

_ANYTHING = inspect.AnyType()
_LISTS: dict[type, Any] = {
    inspect.CollectionType: list,
    inspect.FrozenSetType: frozenset,
    inspect.ListType: list,
    inspect.SetType: set,
    inspect.VarTupleType: tuple,
}


class At(NamedTuple):
    """Where a node stands.

    Attributes:
        path: Its path from the root.
        place: Where its key stands in the file, which is where its problems are shown.
    """

    path: str
    place: Place | None = None

    def below(self, key: str | int, place: Place | None) -> At:
        """Return where a key or item of this node stands."""
        return At(below(self.path, key), place)


class Walk:
    """Converts nodes to values of their types.

    Attributes:
        report: Takes the problems.
        in_python: Whether the tree was made from objects, which must fit as they are.
    """

    def __init__(self, report: Report, *, in_python: bool = False) -> None:
        """Note problems in ``report``."""
        self.report = report
        self.in_python = in_python

    def convert(self, node: Node, kind: inspect.Type, at: At) -> object:
        """Return ``node`` as a value of ``kind``, or INVALID once its problems are noted."""
        self.report.places[at.path] = at.place
        if isinstance(node, Scalar) and node.place:
            values = self.report.open_values if shows_values(kind) else self.report.secret_values
            values.add(node.place)
        if isinstance(node, Scalar) and not is_whole(_text_in(node)):
            return self._invalid(at, HALF_A_CHARACTER)
        bare, _ = unwrapped(kind)
        if isinstance(bare, inspect.UnionType):
            return self._union(node, bare, at)
        if isinstance(bare, inspect.AnyType):
            return self._anything(node, at)
        if isinstance(node, Scalar):
            return self._leaf(node, kind, at)
        if isinstance(node, Items):
            return self._items(node, bare, at)
        return self._mapping(node, bare, at)

    def struct(self, node: Mapping, kind: inspect.StructType, at: At) -> object:
        """Return ``node`` as an object of the struct's class."""
        if self.in_python and not issubclass(node.origin or dict, kind.cls):
            return self._invalid(at, f"unexpected {actual(node)}; expected a {kind.cls.__name__}")
        values = self._values(node, kind, at)
        if any(field.required and field.name not in values for field in fields_of(kind.cls)):
            return INVALID
        try:
            return kind.cls(**values)
        except (TypeError, ValueError) as error:
            return self._invalid(at, str(error))

    def field_type(
        self, node: Mapping, kind: inspect.StructType, field: inspect.Field, at: At
    ) -> inspect.Type | None:
        """Return the type of one field of the struct ``kind`` in ``node``; None: do not look."""
        del node, kind, at
        return field.type

    def field_value(
        self, kind: inspect.StructType, field: inspect.Field, value: object, at: At
    ) -> None:
        """Look at a good value of a field of the struct ``kind``."""

    def unknown_key(self, node: Mapping, kind: inspect.StructType, key: str) -> str:
        """Word the problem of a key of ``node`` that the struct ``kind`` does not have."""
        del node
        return unknown_key(key, keys_of(kind.cls), kind.cls)

    def missing(self, kind: inspect.StructType, field: inspect.Field) -> str:
        """Return what is expected where a field of the struct ``kind`` is missing."""
        del kind
        return expected(field.type)

    def _values(self, node: Mapping, kind: inspect.StructType, at: At) -> dict[str, object]:
        fields = {field.encode_name: field for field in fields_of(kind.cls)}
        values: dict[str, object] = {}
        for entry in node.entries:
            where = at.below(entry.key, entry.place)
            field = fields.get(entry.key)
            if entry.key == kind.tag_field:
                self.convert(entry.value, inspect.LiteralType((kind.tag,)), where)
                continue
            if field is None and entry.doubt:
                self.report.add(at.path, entry.place, entry.doubt)
                continue
            if field is None:
                self.report.unknown_keys.setdefault(at.path, []).append(entry.key)
                self.report.add(*where, self.unknown_key(node, kind, entry.key))
                continue
            if entry.doubt and entry.place:
                self.report.open_values.add(entry.place)
            wanted = self.field_type(node, kind, field, where)
            value = INVALID if wanted is None else self.convert(entry.value, wanted, where)
            if value is not INVALID:
                self.field_value(kind, field, value, where)
                values[field.name] = value
        for field in fields_of(kind.cls):
            if field.required and node.get(field.encode_name) is None:
                where = at.below(field.encode_name, at.place)
                self.report.add(*where, f"{MISSING}; expected {self.missing(kind, field)}")
        return values

    def _union(self, node: Node, kind: inspect.UnionType, at: At) -> object:
        kinds = alternatives(kind)
        if len(kinds) < len(kind.types) and _is_null(node, kinds):
            return None
        if len(kinds) == 1:
            return self.convert(node, kinds[0], at)
        tagged = [each for each in kinds if isinstance(each, inspect.StructType) and each.tag_field]
        if len(tagged) > 1 and isinstance(node, Mapping) and not self.in_python:
            return self._tagged(node, tagged, at)
        trials = [self._trial(node, each, at) for each in sorted(kinds, key=takes_text)]
        for value, report in trials:
            if not report.problems:
                self.report.merge(report)
                return value
        inside = [report for _, report in trials if report.is_below(at.path)]
        if len(inside) == 1:
            self.report.merge(inside[0])
            return INVALID
        return self._unexpected(node, kind, at)

    def _tagged(self, node: Mapping, kinds: list[inspect.StructType], at: At) -> object:
        """Return ``node`` as the one of several structs that its tag names."""
        tag_field = str(kinds[0].tag_field)
        choice = inspect.LiteralType(tuple(kind.tag for kind in kinds))
        where = at.below(tag_field, at.place)
        tag = node.get(tag_field)
        if tag is None:
            return self._invalid(where, f"{MISSING}; expected {expected(choice)}")
        named = self.convert(tag, choice, where)
        return next((self.struct(node, kind, at) for kind in kinds if kind.tag == named), INVALID)

    def _trial(self, node: Node, kind: inspect.Type, at: At) -> tuple[object, Report]:
        outer, self.report = self.report, self.report.empty()
        try:
            return self.convert(node, kind, at), self.report
        finally:
            self.report = outer

    def _mapping(self, node: Mapping, kind: inspect.Type, at: At) -> object:
        if isinstance(kind, inspect.StructType):
            return self.struct(node, kind, at)
        if isinstance(kind, inspect.DictType):
            return self._dict(node, kind, at)
        return self._unexpected(node, kind, at)

    def _dict(self, node: Mapping, kind: inspect.DictType, at: At) -> object:
        self._keep_secret(node)
        pairs = [
            (
                self.convert(Scalar(entry.key), kind.key_type, at.below(entry.key, entry.place)),
                self.convert(entry.value, kind.value_type, at.below(entry.key, entry.place)),
            )
            for entry in node.entries
        ]
        return INVALID if any(INVALID in pair for pair in pairs) else dict(pairs)

    def _items(self, node: Items, kind: inspect.Type, at: At) -> object:
        if isinstance(kind, inspect.TupleType) and len(kind.item_types) == len(node.items):
            types, make = kind.item_types, tuple
        elif isinstance(kind, LISTS):
            types, make = (kind.item_type,) * len(node.items), _LISTS[type(kind)]
        else:
            return self._unexpected(node, kind, at)
        values = [
            self.convert(item, each, at.below(index, item.place))
            for index, (item, each) in enumerate(zip(node.items, types, strict=True))
        ]
        fewest, most = getattr(kind, "min_length", None), getattr(kind, "max_length", None)
        if len(values) < (fewest or 0) or (most is not None and len(values) > most):
            return self._invalid(at, f"{len(values)} items; expected {expected(kind)}")
        return INVALID if any(value is INVALID for value in values) else make(values)

    def _leaf(self, node: Scalar, kind: inspect.Type, at: At) -> object:
        if node.value is UNKNOWN:
            return INVALID
        try:
            return leaf_value(node, kind, in_python=self.in_python)
        except Refusal as refusal:
            return self._invalid(at, str(refusal))

    def _keep_secret(self, node: Node) -> None:
        """Show no value of ``node`` in a source line: nobody says which of its keys are secrets."""
        places = (scalar.place for _, scalar in scalars(node))
        self.report.secret_values.update(place for place in places if place)

    def _anything(self, node: Node, at: At) -> object:
        self._keep_secret(node)
        if isinstance(node, Mapping):
            return self._dict(node, inspect.DictType(inspect.StrType(), _ANYTHING), at)
        if isinstance(node, Items):
            return self._items(node, inspect.ListType(_ANYTHING), at)
        return INVALID if node.value is UNKNOWN else meaning(node)

    def _unexpected(self, node: Node, kind: inspect.Type, at: At) -> object:
        given = actual(node, hidden=not shows_values(kind))
        return self._invalid(at, f"unexpected {given}; expected {expected(kind)}")

    def _invalid(self, at: At, message: str) -> object:
        self.report.add(*at, message)
        return INVALID


def _text_in(scalar: Scalar) -> object:
    """Return what Python gave, without its cover."""
    return scalar.value.reveal() if isinstance(scalar.value, Secret) else scalar.value


def _is_null(node: Node, kinds: list[inspect.Type]) -> bool:
    """Tell whether ``node`` is null; what came empty for a ``${…}`` is text where text fits."""
    if not isinstance(node, Scalar) or meaning(node) is not None:
        return False
    return node.written is None or not any(takes_text(kind) for kind in kinds)
