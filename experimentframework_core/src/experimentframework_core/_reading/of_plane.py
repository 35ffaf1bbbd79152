"""What a plane reads: the backplane object it was given, or one of its configuration's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core._reading.choice import Choice, why_unreadable
from experimentframework_core._reading.source import Source, source_given
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import BackplanePlugin
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from experimentframework_core.config import BackplaneOptions
    from experimentframework_core.plugin import Backplane


def source_of(
    root: BackplaneOptions | None,
    given: Backplane | BackplanePlugin[Any] | None,
    name: str | None,
) -> Source:
    """Return the backplane that a plane is to read.

    Args:
        root: The backplane of its options.
        given: What it was given beside them.
        name: Which one; None for the only one that can be read.

    Raises:
        ValueError: There is none of that name, or none is named and several can be read.
        ReplayError: None can be read, or not the named one.
    """
    if given is not None and not isinstance(given, BackplanePlugin):
        return _given(given, name)

    def find(type_name: str) -> BackplanePlugin[Any]:
        if given is not None and given.type == type_name:
            return given
        return find_plugin(type_name)

    choice = Choice(root, find=find)
    place = "the plane" if name is None else f"backplane={name!r}"
    try:
        return choice.only("backplane=") if name is None else choice.named(name)
    except ReplayError as error:
        raise ReplayError(f"{place}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _given(backplane: Backplane, name: str | None) -> Source:
    source = source_given(backplane)
    if name not in (None, source.name):
        raise ValueError(f"backplane={name!r}: there is none; the plane has {source.name}")
    if reason := why_unreadable(source):
        raise ReplayError(f"{source} {reason}: it has no read(selection)")
    return source
