"""Puts ``${NAME}``, ``${NAME:-default}`` and ``${file:/path}`` in place, in values only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.config._files.content import content_of, reason
from experimentframework_core.config._problems.report import shown
from experimentframework_core.config._tree import (
    UNKNOWN,
    Entry,
    Items,
    Mapping,
    Node,
    Scalar,
    below,
    is_whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping as MappingType

    from experimentframework_core.config._problems.report import Report

WELL_FORMED = r"(^|[^$])\$\{([A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?|file:[^}]*)\}"
"""What a text with an expression looks like, as a regular expression of JSON Schema."""

_MOST_BYTES = 1024 * 1024
_FORMS = "expected ${NAME}, ${NAME:-default} or ${file:/path}; write $${ for a plain ${"
_MALFORMED = f"malformed expression; {_FORMS}"
_NESTED = "nested expressions are not supported; write one ${…} after the other"
_EXPRESSION = re.compile(r"\$(\$\{)|\$\{([^}]*)(\}?)")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class Interpolation:
    """Fills a tree from an environment and from files; notes what it cannot find."""

    def __init__(
        self,
        environment: MappingType[str, str],
        report: Report,
        *,
        folder: Path | None = None,
        json: bool = False,
        looked_at: set[Path] | None = None,
    ) -> None:
        """Begin.

        Args:
            environment: The variables.
            report: Takes the problems.
            folder: Where relative paths begin; by default the process's working folder.
            json: Whether all text is quoted, so that a value may be a number.
            looked_at: Takes the files whose contents are put in, also those that are not there.
        """
        self._environment = environment
        self._folder = folder or Path()
        self._report = report
        self._json = json
        self._looked_at = set() if looked_at is None else looked_at

    def fill(self, node: Node, path: str = "") -> Node:
        """Return ``node`` with every expression in its values replaced."""
        if isinstance(node, Mapping):
            entries = (self._filled_entry(entry, path) for entry in node.entries)
            return Mapping(tuple(entries), node.place, node.origin)
        if isinstance(node, Items):
            items = (self.fill(item, below(path, i)) for i, item in enumerate(node.items))
            return Items(tuple(items), node.place)
        return self._filled(node, path)

    def _filled_entry(self, entry: Entry, path: str) -> Entry:
        where = below(path, "?" if entry.doubt else entry.key)
        return msgspec.structs.replace(entry, value=self.fill(entry.value, where))

    def _filled(self, scalar: Scalar, path: str) -> Scalar:
        written = scalar.value
        if not isinstance(written, str) or "${" not in written:
            return scalar
        try:
            value = _EXPRESSION.sub(self._replacement, written)
        except _Unknown as error:
            self._report.add(path, scalar.place, str(error))
            return Scalar(UNKNOWN, scalar.place, written=written)
        return Scalar(value, scalar.place, plain=scalar.plain or self._json, written=written)

    def _replacement(self, found: re.Match[str]) -> str:
        escaped, expression, closed = found.groups()
        if escaped:
            return "${"
        if not closed:
            raise _Unknown(_MALFORMED)
        return self._value_of(expression)

    def _value_of(self, expression: str) -> str:
        if "${" in expression:
            raise _Unknown(_NESTED)
        if expression.startswith("file:") and expression != "file:":
            path = self._folder / expression.removeprefix("file:")
            self._looked_at.add(path)
            return _text_of(path)
        match = _VARIABLE.fullmatch(expression)
        if not match:
            raise _Unknown(_MALFORMED)
        name, default = match.groups()
        value = self._environment.get(name)
        if not is_whole(value):
            raise _Unknown(f"the environment variable {name} is not UTF-8 text")
        if default is not None:
            return value or default
        if value is None:
            raise _Unknown(
                f"the environment variable {name} is not set; set it, or write a"
                f" default as in ${{{name}:-default}}"
            )
        return value


class _Unknown(Exception):  # noqa: N818 - a problem's text on its way to the report
    """An expression has no value; the text says why."""


def _text_of(path: Path) -> str:
    named = shown(str(path))
    try:
        content = content_of(path, _MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _Unknown(f"the file {named} cannot be read: {reason(error)}") from error
    if len(content) > _MOST_BYTES:
        raise _Unknown(f"the file {named} is too large; expected at most 1 MiB")
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _Unknown(f"the file {named} is not UTF-8 text") from error
