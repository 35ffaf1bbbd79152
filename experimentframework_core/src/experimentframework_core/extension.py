"""What the author of a selection mode or a decorator offers: its name and its options."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec

from experimentframework_core.plugin import Finding

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


class SelectionModePlugin(msgspec.Struct, Generic[OptionsT], frozen=True, kw_only=True):
    """A selection mode: what the group ``experimentframework.selection_modes`` offers.

    Attributes:
        type: The ``type`` of ``selectionMode``, in camelCase; also the entry point's name.
        options: The class of ``options``, whose defaults are the configuration's defaults; say
            ``frozen=True, kw_only=True, rename="camel"``. None: the mode has no options.
        check: Yields ``(path, message)`` for what the options' types cannot say, as in
            ``("steps", "give steps or until, not both")``; see `Finding` for what else
            may be said.
    """

    type: str
    options: builtins.type[OptionsT] | None = None
    check: Callable[[OptionsT], Iterable[Finding]] | None = None


class DecoratorPlugin(msgspec.Struct, Generic[OptionsT], frozen=True, kw_only=True):
    """A decorator: what the entry point group ``experimentframework.decorators`` offers.

    Attributes:
        type: The ``type`` of the decorator, in camelCase; also the entry point's name.
        options: The class of ``options``, whose defaults are the configuration's defaults; say
            ``frozen=True, kw_only=True, rename="camel"``. None: the decorator has no options.
        check: Yields ``(path, message)`` for what the options' types cannot say; see
            `Finding` for what else may be said.
    """

    type: str
    options: builtins.type[OptionsT] | None = None
    check: Callable[[OptionsT], Iterable[Finding]] | None = None
