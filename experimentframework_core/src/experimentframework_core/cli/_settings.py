"""The settings in effect: each with its value, who said it, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.cli._configuration import channels
from experimentframework_core.config import (
    BufferConfig,
    ChannelConfig,
    Configuration,
    DataPlaneOptions,
    effective,
    effective_sources,
    resolved_options,
)
from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from experimentframework_core.config import BackplaneOptions, Loaded, Place

_CHANNEL_FIELDS = {field.name for field in msgspec.structs.fields(ChannelSettings)}
_OLDER = {
    "dataPlane.buffer.maxEvents": "dataPlane.maxQueueSize",
    "dataPlane.buffer.whenFull": "dataPlane.failureMode",
}
_DEFAULT = "default"
_MASK = repr(Secret(""))


class Setting(msgspec.Struct, frozen=True, rename={"source": "from"}):
    """One setting.

    Attributes:
        path: What it is called.
        value: What it is; a secret is ``***``, and what came for a ``${…}`` is shown as written.
        source: Who said it: ``options``, ``backplane``, ``plugin``, a section, or ``default``.
        at: Where: ``file:line``, ``plugin default`` or ``default``.
    """

    path: str
    value: Any
    source: str
    at: str


def settings_of(loaded: Loaded) -> Iterator[Setting]:
    """Yield every setting of a configuration; none of one with errors."""
    configuration = loaded.configuration
    if configuration is None:
        return
    for field in msgspec.structs.fields(Configuration):
        section = getattr(configuration, field.name)
        if isinstance(section, DataPlaneOptions):
            yield from _of_plane(section, loaded)
        elif section:
            yield from _said(field.encode_name, section, loaded)


def as_text(value: object) -> str:
    """Return a value as a table shows it."""
    return "-" if value is None else msgspec.json.encode(value).decode().strip('"')


def _said(section: str, value: object, loaded: Loaded) -> Iterator[Setting]:
    for path, each in _flat(section, _builtins(value, section, loaded.written)):
        at = _at(path, loaded.origins)
        yield Setting(path, each, _DEFAULT if at == _DEFAULT else section, at)


def _of_plane(options: DataPlaneOptions, loaded: Loaded) -> Iterator[Setting]:
    of_channels = {_camel(name) for name in ChannelConfig.__struct_fields__} - {
        "shutdownTimeoutMs",
        "origin",
    }
    for setting in _said("dataPlane", options, loaded):
        field = setting.path.split(".")[1]
        if field != "backplane" and (options.backplane is None or field not in of_channels):
            yield setting
    paths = dict(_paths(options.backplane, "dataPlane.backplane"))
    for node, plugin in channels(options):
        path = paths[id(node)]
        kind = loaded.written.get(f"{path}.type", node.type)
        name = loaded.written.get(f"{path}.name") or node.name or kind
        yield Setting(f"{name}.type", kind, "backplane", _at(f"{path}.type", loaded.origins))
        if plugin is not None:
            yield from _own_options(name, f"{path}.options", resolved_options(node, plugin), loaded)
        settings = effective(options, node, plugin)
        for field, source in effective_sources(options, node, plugin).items():
            key = _camel(field)
            said_at = {"options": f"{path}.options.{key}", "backplane": f"{path}.{key}"}
            place = said_at.get(source, f"dataPlane.{key}")
            value = _builtins(getattr(settings, field), place, loaded.written)
            for inner, each in _flat("", value):
                at = "plugin default" if source == "plugin" else _at(place + inner, loaded.origins)
                by = source if source == "plugin" else _by(source, at)
                yield Setting(f"{name}.{key}{inner}", each, by, at)


def _by(source: str, at: str) -> str:
    """Return who said a setting: nobody, unless it stands somewhere."""
    if at == _DEFAULT:
        return _DEFAULT
    return "dataPlane" if source == _DEFAULT else source


def _own_options(
    name: str, path: str, options: ChannelSettings, loaded: Loaded
) -> Iterator[Setting]:
    for field in msgspec.structs.fields(options):
        if field.name in _CHANNEL_FIELDS:
            continue
        key = f".{field.encode_name}"
        value = _builtins(getattr(options, field.name), f"{path}{key}", loaded.written)
        for inner, each in _flat(key, value):
            at = _at(f"{path}{inner}", loaded.origins)
            source = _DEFAULT if at == _DEFAULT else "options"
            yield Setting(f"{name}.options{inner}", each, source, at)


def _paths(node: BackplaneOptions | None, path: str) -> Iterator[tuple[int, str]]:
    if node is not None:
        yield id(node), path
        for index, member in enumerate(node.backplanes or ()):
            yield from _paths(member, f"{path}.backplanes[{index}]")


def _at(path: str, origins: Mapping[str, Place]) -> str:
    """Return where ``path`` was said, in its own or its older spelling."""
    place = origins.get(path) or origins.get(_OLDER.get(path, ""))
    return f"{place.file}:{place.line}" if place else _DEFAULT


def _flat(path: str, value: object) -> Iterator[tuple[str, Any]]:
    """Yield what is in mappings, and in lists of mappings, by its path."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _flat(f"{path}.{key}", each)
    elif isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value):
        for index, each in enumerate(value):
            yield from _flat(f"{path}[{index}]", each)
    else:
        yield path, value


def _builtins(value: object, path: str, written: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Return what is said at ``path`` as plain values, those from outside as they are written."""
    made = msgspec.to_builtins(value, enc_hook=_hidden, str_keys=True)
    if isinstance(value, BufferConfig):
        made = {_camel(key): each for key, each in made.items()}
    return _as_written(made, path, written)


def _as_written(value: Any, path: str, written: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _as_written(each, f"{path}.{key}", written) for key, each in value.items()}
    if isinstance(value, list | tuple):
        each_at = ((each, f"{path}[{index}]") for index, each in enumerate(value))
        return type(value)(_as_written(each, at, written) for each, at in each_at)
    said = written.get(path) or written.get(_OLDER.get(path, ""))
    return value if said is None or value == _MASK else said


def _hidden(value: object) -> str:
    if isinstance(value, Secret):
        return repr(value)
    raise NotImplementedError


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
