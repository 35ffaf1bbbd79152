"""Reads what the docstring of an options class says about it and its fields."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import msgspec

_HEADING = "Attributes:\n"
_ATTRIBUTE = re.compile(r"^    (\w+): (.*?)(?=^    \w|^\S|\Z)", re.DOTALL | re.MULTILINE)


def lead(options: type[msgspec.Struct]) -> str:
    """Return what stands above the attributes, in Markdown."""
    text, _, _ = _docstring(options).partition(_HEADING)
    return text.strip().replace("``", "`")


def meanings(options: type[msgspec.Struct]) -> dict[str, str]:
    """Return what each field means, by its name in Python, each on one line of Markdown.

    A base class may describe the fields that it has; what the class itself says of them wins.
    """
    said: dict[str, str] = {}
    for base in reversed(options.__mro__):
        _, _, attributes = _docstring(base).partition(_HEADING)
        for name, meaning in _ATTRIBUTE.findall(attributes):
            said[name] = " ".join(meaning.split()).replace("``", "`")
    return said


def _docstring(cls: type) -> str:
    return inspect.cleandoc(vars(cls).get("__doc__") or "")
