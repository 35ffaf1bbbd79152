"""Offers the JSON Schema of the configuration; what makes it is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_core.plugin import BackplanePlugin


def json_schema(plugins: Iterable[BackplanePlugin[Any]]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a configuration file.

    Args:
        plugins: The backplane types that a configuration may name.

    Raises:
        TypeError: A plugin's options have a field that cannot stand in a configuration.
    """
    from experimentframework_core.config._schema.json_document import document_with

    return document_with(plugins)
