"""Where the ``type`` of a mapping chooses the type of its ``options`` and the keys it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from experimentframework_core.config._model.data_plane import (
    BackplaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
)
from experimentframework_core.config._walk.backplanes import GROUPS, LETTER_FILES
from experimentframework_core.config._walk.kinds import FAMILIES, Kind, kind_named
from experimentframework_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from experimentframework_core.config._walk.kinds import Family
    from experimentframework_core.plugin import BackplanePlugin

BY = "type"
"""The field that chooses."""

FIELD = "options"
"""The field whose type is chosen, where the mapping has it."""


class Choice(NamedTuple):
    """What may be chosen in one kind of mapping.

    Attributes:
        kinds: What each type allows and needs.
        in_code: Whether the name of a type in code may be chosen, too.
    """

    kinds: Mapping[str, Kind]
    in_code: bool = False


Choices: TypeAlias = dict[type[msgspec.Struct], Choice]
"""The choices of the language, by the class of the mapping."""


def choices_with(plugins: Iterable[BackplanePlugin[Any]]) -> Choices:
    """Return every choice of the language where these backplane types are installed.

    Selection modes and decorators are those that installed packages offer and that can be loaded.
    """
    options: dict[str, Any] = {plugin.type: plugin.options for plugin in plugins}
    installed = {name: Kind(options=options[name]) for name in sorted(options)}
    groups = dict.fromkeys(GROUPS, Kind(needs=("backplanes",)))
    files = dict.fromkeys(LETTER_FILES, Kind(options=DeadLetterStoreOptions))
    return {
        BackplaneOptions: Choice({**installed, **groups}),
        DeadLetterOptions: Choice({**installed, **files}),
        **{cls: _of_family(family) for cls, family in FAMILIES.items()},
    }


def not_in_schema() -> Iterator[tuple[str, str]]:
    """Yield each selection mode and decorator that is installed and no choice, and why."""
    for family in FAMILIES.values():
        for name, found in _looked_up(family):
            if isinstance(found, PluginError):
                yield f"the {family.what} {name}", str(found)


def _of_family(family: Family) -> Choice:
    return Choice({**family.kinds, **dict(_installed(family))}, family.in_code is not None)


def _installed(family: Family) -> Iterator[tuple[str, Kind]]:
    for name, found in _looked_up(family):
        if not isinstance(found, PluginError):
            yield name, found


def _looked_up(family: Family) -> Iterator[tuple[str, Kind | PluginError]]:
    for name in family.installed():
        try:
            yield name, kind_named(family, name)
        except PluginError as error:
            yield name, error
