"""Options as YAML: what a plugin's options class must be able to say in a file."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec
from ruamel.yaml import YAML

from experimentframework_core.config import (
    BackplaneOptions,
    DataPlaneOptions,
    data_plane_of,
    load_text,
)
from experimentframework_core.units import Secret

if TYPE_CHECKING:
    from experimentframework_core.plugin import BackplanePlugin, ChannelSettings


def plane_options(
    plugin: BackplanePlugin[Any], options: ChannelSettings, **settings: object
) -> DataPlaneOptions:
    """Return the options of a data plane with that one backplane, as Python says them."""
    node = BackplaneOptions(type=plugin.type, options=options)
    return msgspec.structs.replace(DataPlaneOptions(backplane=node), **settings)


def written_as_yaml(plugin: BackplanePlugin[Any], options: ChannelSettings) -> str:
    """Return a configuration with that one backplane, as YAML says it."""
    values: dict[str, object] = msgspec.to_builtins(options, enc_hook=_revealed)
    said = {name: value for name, value in values.items() if value is not None}
    text = StringIO()
    YAML(typ="safe").dump(
        {"dataPlane": {"backplane": {"type": plugin.type, "options": said}}}, text
    )
    return text.getvalue()


def read_from_yaml(plugin: BackplanePlugin[Any], text: str) -> ChannelSettings | None:
    """Return the backplane's options in a configuration."""
    loaded = load_text(text, name="conformance.yaml", find_plugin=lambda _: plugin)
    data_plane = data_plane_of(loaded, "conformance.yaml")
    return data_plane.backplane.options if data_plane.backplane else None


def _revealed(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"a file cannot say a {type(value).__name__}: {value!r}")
