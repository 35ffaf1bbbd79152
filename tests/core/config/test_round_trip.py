"""Every field of every options class can be said in a file and in Python, and means the same."""

from __future__ import annotations

import json
from enum import Enum
from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import inspect
from ruamel.yaml import YAML

from experimentframework_core.config import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    PiiRedactionOptions,
    RetryOptions,
    _backplanes,
)
from experimentframework_core.config._python import tree_of
from experimentframework_core.config._report import Report
from experimentframework_core.config._source import read
from experimentframework_core.config._walk import At
from experimentframework_core.plugins import find_plugin as find_installed_plugin
from experimentframework_core.units import Secret
from tests.core.config.sample_plugins import CourierOptions, Login, find_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED: dict[type[msgspec.Struct], dict[str, Any]] = {
    BackplaneOptions: {"type": "courier", "options": CourierOptions(addresses="a")},
    DeadLetterOptions: {"type": "courier", "options": CourierOptions(addresses="a")},
    CourierOptions: {"addresses": "a"},
    Login: {"user_name": "u"},
}
BUILT_IN = [find_installed_plugin(name).options for name in ("inMemory", "logging", "sqlite")]
CLASSES: list[type[msgspec.Struct]] = [
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    PiiRedactionOptions,
    RetryOptions,
    CourierOptions,
    Login,
    *BUILT_IN,
]


def every_field() -> Iterator[Any]:
    for options in CLASSES:
        kind = inspect.type_info(options)
        assert isinstance(kind, inspect.StructType)
        for field in kind.fields:
            yield pytest.param(options, field, id=f"{options.__name__}.{field.name}")


def minimal(options: type[msgspec.Struct]) -> dict[str, Any]:
    kind = inspect.type_info(options)
    assert isinstance(kind, inspect.StructType)
    given = REQUIRED.get(options, {})
    return given or {each.name: other(each.type) for each in kind.fields if each.required}


def other(kind: inspect.Type, than: object = None) -> Any:  # noqa: C901, PLR0911, PLR0912 - by type
    """Return a good value of ``kind`` that is not ``than``."""
    match kind:
        case inspect.Metadata():
            return other(kind.type, than)
        case inspect.UnionType():
            first = next(each for each in kind.types if not isinstance(each, inspect.NoneType))
            return other(first, than)
        case inspect.BoolType():
            return not than
        case inspect.IntType():
            return 7
        case inspect.FloatType():
            return 1.0 if than != 1.0 else 0.5
        case inspect.StrType():
            return "abcd" if than != "abcd" else "abc"
        case inspect.LiteralType():
            return next((each for each in kind.values if each != than), than)
        case inspect.EnumType():
            return next(each for each in kind.cls if each is not than)
        case inspect.CustomType():
            return Secret("s")
        case inspect.ListType():
            return [other(kind.item_type)]
        case inspect.VarTupleType():
            return (other(kind.item_type),)
        case inspect.TupleType():
            return tuple(other(each) for each in kind.item_types)
        case inspect.DictType():
            return {"key": other(kind.value_type)}
        case inspect.StructType():
            return built(kind.cls, kind.fields[0])
        case _:
            return {"any": [1, "thing"]}


def built(options: type[msgspec.Struct], field: inspect.Field) -> msgspec.Struct:
    """Return options that say ``field`` with a value that is not its default."""
    values = minimal(options)
    if field.name not in values:
        values = {**values, field.name: other(field.type, field.default)}
    return options(**values)


def document(value: object) -> Any:
    """Return what a file says for ``value``."""
    if isinstance(value, msgspec.Struct):
        pairs = [(each, getattr(value, each.name)) for each in msgspec.structs.fields(value)]
        return {each.encode_name: document(said) for each, said in pairs if said != each.default}
    if isinstance(value, dict):
        return {key: document(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [document(each) for each in value]
    if isinstance(value, Secret):
        return value.reveal()
    return value.value if isinstance(value, Enum) else value


def in_yaml(value: object) -> str:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(value, stream)
    return stream.getvalue()


@pytest.mark.parametrize(("options", "field"), list(every_field()))
def test_a_field_means_the_same_in_a_file_and_in_python(
    options: type[msgspec.Struct], field: inspect.Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given options with one field said, When YAML and JSON say it too, Then all are equal."""
    monkeypatch.setattr(_backplanes, "AVAILABLE", {})
    in_python = built(options, field)
    texts = [in_yaml(document(in_python)), json.dumps(document(in_python))]

    report = Report()
    kind = inspect.type_info(options)
    trees = [read(text, report) for text in texts]
    loaded = [
        _backplanes.PlaneWalk(report, find_plugin).convert(tree, kind, At("x"))
        for tree in trees
        if tree is not None
    ]
    checked = _backplanes.PlaneWalk(report, find_plugin, in_python=True).convert(
        tree_of(in_python), kind, At("x")
    )

    assert report.problems == []
    assert loaded == [in_python, in_python]
    assert checked == in_python
    assert field.required or field.default == getattr(in_python, field.name) or texts[1] != "{}"
