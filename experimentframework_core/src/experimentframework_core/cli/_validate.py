"""`validate`: every problem of a configuration file, or its settings and who said them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from experimentframework_core.cli._configuration import channels, load
from experimentframework_core.cli._output import (
    OK,
    USAGE,
    ConfigArgument,
    JsonOption,
    console,
    count,
    print_json,
    printable,
    show_table,
    table,
)
from experimentframework_core.config import (
    ChannelConfig,
    DataPlaneOptions,
    effective,
    effective_sources,
    resolved_options,
)
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANNEL_FIELDS = {field.name for field in msgspec.structs.fields(ChannelSettings)}


class Setting(msgspec.Struct, frozen=True, rename={"source": "from"}):
    """One setting: its place, its value, and who said it."""

    path: str
    value: Any
    source: str


def validate(
    path: ConfigArgument,
    *,
    show: Annotated[
        bool, typer.Option("--print", help="Print each setting in effect and who said it.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Check a configuration file without opening anything; all problems at once, with places."""
    try:
        options = load(path)
    except ConfigurationError as error:
        _print_problems(error, as_json=as_json)
        return USAGE
    settings = list(_settings(options)) if show else None
    if as_json:
        print_json({"valid": True, "problems": [], "settings": settings or []})
    elif settings:
        rows = [(each.path, _text(each.value), each.source) for each in settings]
        show_table(table("Setting", "Value", "From", rows=rows))
    else:
        console().print(f"{path}: no problems")
    return OK


def _print_problems(error: ConfigurationError, *, as_json: bool) -> None:
    if as_json:
        print_json({"valid": False, "problems": error.problems, "settings": []})
        return
    out = console()
    for problem in error.problems:
        out.print(printable(str(problem)), soft_wrap=True)
    out.print(count(len(error.problems), "problem"))


def _settings(options: DataPlaneOptions) -> Iterator[Setting]:
    default = dict(_flat("dataPlane", _builtins(DataPlaneOptions())))
    of_channels = {_camel(name) for name in ChannelConfig.__struct_fields__} - {"shutdownTimeoutMs"}
    for path, value in _flat("dataPlane", _builtins(options)):
        field = path.split(".")[1]
        if field != "backplane" and (options.backplane is None or field not in of_channels):
            source = "default" if default.get(path) == value else "dataPlane"
            yield Setting(path, value, source)
    for node, plugin in channels(options):
        settings = effective(options, node, plugin)
        sources = effective_sources(options, node, plugin)
        yield Setting(f"{settings.name}.type", node.type, "backplane")
        if plugin is not None:
            yield from _own_options(settings.name, resolved_options(node, plugin), plugin.options)
        for name, said_by in sources.items():
            value = _builtins(getattr(settings, name))
            for path, each in _flat(f"{settings.name}.{_camel(name)}", value):
                yield Setting(path, each, said_by)


def _own_options(
    name: str, options: msgspec.Struct, cls: type[msgspec.Struct]
) -> Iterator[Setting]:
    for field in msgspec.structs.fields(cls):
        if field.name in _CHANNEL_FIELDS:
            continue
        value = getattr(options, field.name)
        source = "default" if value == field.default else "options"
        for path, each in _flat(f"{name}.options.{field.encode_name}", _builtins(value)):
            yield Setting(path, each, source)


def _flat(path: str, value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _flat(f"{path}.{_camel(key)}", each)
    else:
        yield path, value


def _builtins(value: object) -> Any:  # noqa: ANN401 - plain JSON values
    return msgspec.to_builtins(value, enc_hook=_hidden, str_keys=True)


def _hidden(value: object) -> str:
    if isinstance(value, Secret):
        return repr(value)
    raise NotImplementedError


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _text(value: object) -> str:
    return "-" if value is None else msgspec.json.encode(value).decode().strip('"')
