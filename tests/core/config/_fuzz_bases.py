"""Good configurations to damage: the examples, and one with every setting of everything."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import inspect
from ruamel.yaml import YAML

from experimentframework_core.config import Configuration
from experimentframework_core.config._model.data_plane import BackplaneOptions, DeadLetterOptions
from experimentframework_core.config._walk.describe import LISTS, alternatives, choices, unwrapped
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.config._walk.kinds import FAMILIES, AnyKeys
from experimentframework_core.plugins import installed_plugins
from tests.core.config.judges import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 300
EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


class Base(NamedTuple):
    """A configuration to damage.

    Attributes:
        name: What problems call it.
        text: What stands in it.
    """

    name: str
    text: str


def bases() -> list[Base]:
    """Return every base in YAML and in JSON; none is longer than 300 lines."""
    found: list[Base] = []
    for file in sorted(EXAMPLES.glob("*.yaml")):
        text = file.read_text("utf-8")
        found += [Base("e.yaml", text), Base("e.json", _commented(in_json(plain(text))))] * 2
    for document in everything():
        found += [Base("e.yaml", in_yaml(document)), Base("e.json", in_json(document))]
    return [base for base in found if base.text.count("\n") <= MOST_LINES]


def in_json(document: object) -> str:
    """Return a document in JSON."""
    return json.dumps(document, indent=1) + "\n"


def in_yaml(document: object) -> str:
    """Return a document in YAML."""
    text = StringIO()
    YAML(typ="safe", pure=True).dump(document, text)
    return text.getvalue()


def _commented(text: str) -> str:
    return text.replace("[\n", "[ // a comment\n").replace("\n}", ",\n} /* the end */")


def everything() -> Iterator[dict[str, Any]]:
    """Yield documents that have every setting of every section, type and installed plugin."""
    sections = _struct(Configuration)
    plane = sections.pop("dataPlane")
    yield sections
    yield {"experimentFramework": {"dataPlane": plane}}
    for plugin in installed_plugins():
        if plugin.plugin is not None:
            node = _struct(BackplaneOptions) | {"options": _struct(plugin.plugin.options)}
            yield {"dataPlane": {"backplane": node | {"type": plugin.type}}}


def _struct(cls: type[msgspec.Struct]) -> dict[str, Any]:
    fields = {field.encode_name: _value(field.type) for field in fields_of(cls)}
    if cls is BackplaneOptions:
        return fields | {"type": "logging", "options": {"level": "info"}}
    if cls is DeadLetterOptions:
        return {"type": "file", "options": {"path": "dead.ndjson"}}
    if cls in FAMILIES:
        kinds = FAMILIES[cls].kinds
        name = next((name for name, kind in kinds.items() if kind.options), next(iter(kinds)))
        options = kinds[name].options
        inside = {} if options is None or options is AnyKeys else _struct(options)
        return fields | {"type": name} | ({"options": inside} if options else {})
    return fields


def _value(kind: inspect.Type) -> Any:
    bare, _ = unwrapped(kind)
    if isinstance(bare, inspect.UnionType):
        return _value(alternatives(bare)[0])
    if isinstance(bare, inspect.StructType):
        known = bare.cls not in (BackplaneOptions, msgspec.Struct)
        return _struct(bare.cls) if known else {"type": "logging"}
    if isinstance(bare, inspect.DictType):
        return {"exposure": _value(bare.value_type)}
    return [_value(bare.item_type)] if isinstance(bare, LISTS) else _scalar(bare)


def _scalar(bare: inspect.Type) -> Any:
    if isinstance(bare, inspect.LiteralType | inspect.EnumType):
        return choices(bare)[0]
    if isinstance(bare, inspect.BoolType):
        return True
    if isinstance(bare, inspect.IntType | inspect.FloatType):
        return bare.ge or (1 if bare.lt is None else bare.lt / 2)
    if isinstance(bare, inspect.DateTimeType):
        return "2026-01-31T12:00:00Z"
    return {"a": [1, None]} if isinstance(bare, inspect.AnyType) else "exposure"
