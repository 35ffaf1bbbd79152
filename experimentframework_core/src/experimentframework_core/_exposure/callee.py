"""What is called in the end: of a function, of a partial, of an object with ``__call__``."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def name_of(function: object) -> str:
    """Return its name, with that of its module; of a partial or an object, of what it is made."""
    inside = _inside(function)
    named = inside if hasattr(inside, "__qualname__") else type(inside)
    return ".".join(filter(None, (getattr(named, "__module__", None), named.__qualname__)))


def is_async(function: Callable[..., object]) -> bool:
    """Return whether what it returns is to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(_call_of(function))


def is_generator(function: Callable[..., object]) -> bool:
    """Return whether it is a generator, async or not."""
    return any(
        test(each)
        for test in (inspect.isgeneratorfunction, inspect.isasyncgenfunction)
        for each in (function, _call_of(function))
    )


def _inside(function: object) -> object:
    while isinstance(function, partial):
        function = function.func
    return function


def _call_of(function: object) -> object:
    return getattr(type(_inside(function)), "__call__", None)  # noqa: B004 - what it is, not whether
