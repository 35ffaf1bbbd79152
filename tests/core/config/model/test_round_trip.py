"""Every field of every options class can be said in a file and in Python, and means the same."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from enum import Enum
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import inspect
from ruamel.yaml import YAML

from experimentframework_core import config
from experimentframework_core.config import (
    BackplaneOptions,
    Configuration,
    DataPlaneOptions,
    DeadLetterOptions,
    DecoratorOptions,
    ErrorPolicyOptions,
    LoggingDecoratorOptions,
    RolloutOptions,
    SelectionModeOptions,
    check,
    load_file,
    load_text,
)
from experimentframework_core.config._files.sections import SECTIONS
from experimentframework_core.config._problems.report import Report
from experimentframework_core.config._python import tree_of
from experimentframework_core.config._text.source import read
from experimentframework_core.config._walk import backplanes
from experimentframework_core.config._walk.parts import PartWalk
from experimentframework_core.config._walk.walk import At, Walk
from experimentframework_core.plugins import installed_plugins
from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaSecurity, KafkaTopicCreation
from experimentframework_sqlserver import SqlServerRetention
from tests.core.config.sample_plugins import CourierOptions, Login, find_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

example = Path(__file__).parents[4] / "docs" / "examples" / "experiments.yaml"
REQUIRED: dict[type[msgspec.Struct], dict[str, Any]] = {
    BackplaneOptions: {"type": "courier", "options": CourierOptions(addresses="a")},
    DeadLetterOptions: {"type": "courier", "options": CourierOptions(addresses="a")},
    CourierOptions: {"addresses": "a"},
    Login: {"user_name": "u"},
    DecoratorOptions: {"type": "logging", "options": LoggingDecoratorOptions(benchmarks=True)},
    SelectionModeOptions: {"type": "rollout", "options": RolloutOptions(percentage=5)},
    ErrorPolicyOptions: {"type": "fallbackTo", "fallback_key": "a"},
}
OF_THE_LANGUAGE = [getattr(config, name) for name in config.__all__ if name.endswith("Options")]
INSTALLED = [each.plugin.options for each in installed_plugins() if each.plugin is not None]
CLASSES: list[type[msgspec.Struct]] = [
    *OF_THE_LANGUAGE,
    CourierOptions,
    Login,
    *INSTALLED,
    KafkaSecurity,
    KafkaTopicCreation,
    SqlServerRetention,
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


def reader(options: type[msgspec.Struct], report: Report, *, in_python: bool = False) -> Walk:
    """Return the walk that knows ``options``."""
    if options.__module__.endswith("_model.data_plane") or options not in OF_THE_LANGUAGE:
        return backplanes.PlaneWalk(report, find_plugin, in_python=in_python)
    return PartWalk(report, in_python=in_python)


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
        case inspect.FloatType(lt=1):
            return 0.25
        case inspect.FloatType():
            return 1.0 if than != 1.0 else 0.5
        case inspect.StrType() if kind.pattern:
            words = ("my_app.Type", "09:00", "abcd")
            return next(each for each in words if re.search(kind.pattern, each))
        case inspect.StrType():
            return "abcd" if than != "abcd" else "abc"
        case inspect.DateTimeType():
            return datetime(2026, 1, 31, 12, tzinfo=UTC)
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
            return kind.cls(**minimal(kind.cls))
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
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def in_yaml(value: object) -> str:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(value, stream)
    return stream.getvalue()


@pytest.mark.parametrize(("options", "field"), list(every_field()))
def test_a_field_means_the_same_in_a_file_and_in_python(
    options: type[msgspec.Struct], field: inspect.Field
) -> None:
    """Given options with one field said, When YAML and JSON say it too, Then all are equal."""
    in_python = built(options, field)
    texts = [in_yaml(document(in_python)), json.dumps(document(in_python))]

    report = Report()
    kind = inspect.type_info(options)
    trees = [read(text, report) for text in texts]
    loaded = [
        reader(options, report).convert(tree, kind, At("x")) for tree in trees if tree is not None
    ]
    checked = reader(options, report, in_python=True).convert(
        tree_of(in_python, report), kind, At("x")
    )

    assert report.problems == []
    assert loaded == [in_python, in_python]
    assert checked == in_python
    assert field.required or field.default == getattr(in_python, field.name) or texts[1] != "{}"


def test_a_whole_configuration_means_the_same_in_a_file_and_in_python() -> None:
    """Given the example with every section, When YAML, JSON and Python say it, Then all agree."""
    in_yaml_file = load_file(example, find_plugin)

    in_python = msgspec.structs.replace(
        in_yaml_file,
        configuration_paths=("more/*.yaml",),
        data_plane=DataPlaneOptions(backplane=BackplaneOptions(type="plain")),
    )
    text = json.dumps(document(in_python))
    in_json = load_text(text, name="e.json", find_plugin=find_plugin)

    assert in_json == in_python
    assert check(in_python, find_plugin) == []
    assert all(getattr(in_python, name) for name in Configuration.__struct_fields__)


def test_a_section_is_offered_by_its_name_in_python() -> None:
    """Given the sections of files, When Python's are listed, Then they are the same, in order."""
    fields = msgspec.structs.fields(Configuration)

    assert tuple(field.encode_name for field in fields) == SECTIONS


def test_the_options_of_every_sibling_are_walked() -> None:
    """Given the installed plugins, When their types are listed, Then all of ours are there."""
    found = {each.type for each in installed_plugins() if each.plugin is not None}

    assert found >= {"azureServiceBus", "inMemory", "kafka", "logging", "sqlServer", "sqlite"}
