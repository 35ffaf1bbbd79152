"""Where one key of a mapping chooses the type of another, as ``type`` does of ``options``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from experimentframework_core.config._backplanes import GROUPS, LETTER_FILES
from experimentframework_core.config._model import (
    BackplaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import msgspec

    from experimentframework_core.plugin import BackplanePlugin


class Choice(NamedTuple):
    """A field of a struct whose type another field chooses.

    Attributes:
        by: The field that chooses, by its name in Python.
        field: The field whose type is chosen, by its name in Python.
        kinds: What may be chosen, each with the struct of ``field``; None: it has to be left out.
        needs: Lists that must not be empty, by what is chosen.
    """

    by: str
    field: str
    kinds: Mapping[str, type[msgspec.Struct] | None]
    needs: Mapping[str, str] = {}


Choices = dict[type["msgspec.Struct"], Choice]
"""The choices of a language, by the struct that has both fields."""


def choices_with(plugins: Iterable[BackplanePlugin[Any]]) -> Choices:
    """Return every choice of the language where these plugins are installed."""
    options = {plugin.type: plugin.options for plugin in plugins}
    installed = {name: options[name] for name in sorted(options)}
    files = dict.fromkeys(LETTER_FILES, DeadLetterStoreOptions)
    backplanes = {**installed, **dict.fromkeys(GROUPS)}
    return {
        BackplaneOptions: Choice(
            "type", "options", backplanes, needs=dict.fromkeys(GROUPS, "backplanes")
        ),
        DeadLetterOptions: Choice("type", "options", {**installed, **files}),
    }
