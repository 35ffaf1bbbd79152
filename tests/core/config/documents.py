"""Documents made from the types of the configuration, good ones and such with one thing wrong."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from msgspec import inspect
from ruamel.yaml import YAML

from experimentframework_core.config import Configuration
from experimentframework_core.config._files.sections import ROOTS
from experimentframework_core.config._schema.choices import BY, FIELD, choices_with
from experimentframework_core.config._walk.describe import LISTS, alternatives, choices, unwrapped
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.config._walk.kinds import AnyKeys
from tests.core.config.judges import PLUGINS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

Document = dict[str, Any]

CHOICES = choices_with(PLUGINS.values())
NEEDED = ("backplane",)
WORDS = ["abc", "a.b", "09:00"]
TEXT = st.text("abcxyz", min_size=1, max_size=5)
EXPRESSION = st.just("${NOT_SET_HERE:-7}")
IN_UNITS = {
    "duration": ["250ms", "1.5s", "2 h", "00:00:30", "PT1M"],
    "size": ["64KiB", "1 MB", "2B"],
}
DEEPEST = 3
JUNK: list[Any] = [
    *(None, True, 0, -1, 1, 65, 1.5, -0.5, 2**63, -(2**63), 1e300),
    *(
        "",
        "x",
        "yes",
        "5",
        "0s",
        "10s",
        "10S",
        "1 parsec",
        "PT30S",
        "PT",
        "00:00:30",
        "24:00:00",
        "my_app.Type",
        ".x.",
        " x",
        " a.b",
        "1MiB",
        "1mib",
        "memory",
        "TOO LONG",
    ),
    *("${NOT_SET_HERE:-7}", "$${NOT_SET_HERE}", "2026-01-31", "2026-01-31T12:00:00Z"),
    *([], [1], ["x"], ["a", "b", "c"], [None], {}, {"x": 1}, {"type": "x"}, {"type": "plain"}),
    *({"type": "file"}, {"type": "failover", "backplanes": []}),
]
VALUES: dict[type, st.SearchStrategy[Any]] = {
    inspect.AnyType: st.sampled_from(JUNK).map(copy.deepcopy),
    inspect.BoolType: st.booleans(),
    inspect.DateTimeType: st.sampled_from(["2026-01-31T12:00:00Z", "2026-02-28 00:00:00.5+01:00"]),
    inspect.NoneType: st.none(),
}


def documents() -> st.SearchStrategy[Document]:
    """Return whole configurations, wrapped or not, whose shape is good."""
    bare = _struct(Configuration, 0).filter(bool)
    return bare | bare.map(lambda document: {ROOTS[0]: document})


def damaged(good: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
    """Return documents in which one value is another, one key is gone, or one is too many."""
    return st.builds(_damaged, good, st.randoms(use_true_random=False), st.sampled_from(JUNK))


def in_json(document: Document) -> str:
    """Return a document as JSON, which is YAML too."""
    return json.dumps(document)


def in_yaml(document: Document) -> str:
    """Return a document as YAML with as few quotes as it needs."""
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(document, stream)
    return stream.getvalue()


def _damaged(document: Document, random: Any, junk: Any) -> Document:
    document = copy.deepcopy(document)
    parent, key = random.choice(list(_places(document)))
    match random.randrange(4):
        case 0 if isinstance(parent, dict):
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[random.choice(["tpye", f"{key}s", str(key).lower(), "$schema"])] = junk
        case _:
            parent[key] = junk
    return document


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in pairs:
        yield value, key
        if isinstance(each, dict | list):
            yield from _places(each)


@cache
def _struct(cls: type[msgspec.Struct], depth: int) -> st.SearchStrategy[Document]:
    choice = CHOICES.get(cls)
    if choice is None:
        return _mapping(cls, depth, {})
    fields = {field.encode_name: field for field in fields_of(cls)}
    kinds = {
        name: kind
        for name, kind in choice.kinds.items()
        if depth < DEEPEST or "backplanes" not in kind.needs
    }

    @cache
    def of_kind(name: str) -> st.SearchStrategy[Document]:
        given: dict[str, st.SearchStrategy[Any]] = {BY: st.just(name)}
        kind = kinds[name]
        if kind.options is AnyKeys:
            given[FIELD] = st.just({"any": 1})
        elif kind.options is not None:
            given[FIELD] = _struct(kind.options, depth + 1)
        for key in kind.needs:
            needed = _value(_not_null(fields[key].type), depth + 1)
            given[fields[key].name] = needed.filter(_says_something)
        return _mapping(cls, depth, given, without=(FIELD, "backplanes"))

    return st.sampled_from(sorted(kinds)).flatmap(of_kind)


def _mapping(
    cls: type[msgspec.Struct],
    depth: int,
    given: dict[str, st.SearchStrategy[Any]],
    without: tuple[str, ...] = (),
) -> st.SearchStrategy[Document]:
    has_to: dict[str, Any] = {}
    may: dict[str, Any] = {}
    for field in fields_of(cls):
        if field.name in given:
            has_to[field.encode_name] = given[field.name]
        elif field.required or field.name in NEEDED:
            has_to[field.encode_name] = _value(_not_null(field.type), depth + 1)
        elif field.name not in without and (depth < DEEPEST or not _has_structs(field.type)):
            kind = _not_null(field.type) if cls is Configuration else field.type
            may[field.encode_name] = _value(kind, depth + 1)
    some = st.lists(st.sampled_from(sorted(may)), max_size=3, unique=True) if may else st.just([])
    return some.flatmap(
        lambda chosen: st.fixed_dictionaries({**has_to, **{key: may[key] for key in chosen}})
    )


def _says_something(value: Any) -> bool:
    return bool(value)


def _has_structs(kind: inspect.Type) -> bool:
    return "StructType" in repr(kind)


def _not_null(kind: inspect.Type) -> inspect.Type:
    return alternatives(kind)[0] if isinstance(kind, inspect.UnionType) else kind


def _value(kind: inspect.Type, depth: int) -> st.SearchStrategy[Any]:
    bare, unit = unwrapped(kind)
    match bare:
        case inspect.UnionType():
            return st.one_of([_value(each, depth) for each in bare.types])
        case inspect.StructType():
            return _struct(bare.cls, depth)
        case inspect.IntType() | inspect.FloatType():
            return _number(bare, unit)
    several = (inspect.DictType, inspect.TupleType, *LISTS)
    return _several(bare, depth) if isinstance(bare, several) else _leaf(bare)


def _several(kind: Any, depth: int) -> st.SearchStrategy[Any]:
    if isinstance(kind, inspect.DictType):
        return st.dictionaries(TEXT, _value(kind.value_type, depth), max_size=2)
    if isinstance(kind, inspect.TupleType):
        return st.tuples(*(_value(each, depth) for each in kind.item_types)).map(list)
    least = kind.min_length or 0
    return st.lists(_value(kind.item_type, depth), min_size=least, max_size=least + 1)


def _number(kind: inspect.IntType | inspect.FloatType, unit: str | None) -> st.SearchStrategy[Any]:
    if isinstance(kind, inspect.FloatType):
        good = [each for each in (0.5, 1, 1.0, 2.5) if _is_within(each, kind)]
        return st.sampled_from(good) | EXPRESSION
    least = kind.ge if kind.ge is not None else -(2**63) + 1
    most = kind.le if kind.le is not None else 2**63 - 1
    return st.integers(least, most) | (st.sampled_from(IN_UNITS[unit]) if unit else EXPRESSION)


def _is_within(number: float, kind: inspect.FloatType) -> bool:
    low, high = kind.ge or kind.gt or 0, kind.le or kind.lt or number + 1
    return (low < number or number == kind.ge) and (number < high or number == kind.le)


def _leaf(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StrType() if kind.pattern:
            return st.sampled_from([each for each in WORDS if re.search(kind.pattern, each)])
        case inspect.StrType() | inspect.CustomType():
            return TEXT
        case inspect.LiteralType() | inspect.EnumType():
            return st.sampled_from(choices(kind))
    return VALUES[type(kind)]
