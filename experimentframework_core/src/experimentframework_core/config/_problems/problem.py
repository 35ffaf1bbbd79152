"""One thing that is wrong with a configuration, and where."""

from __future__ import annotations

import msgspec

from experimentframework_core.plugin import Severity


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, where, and what to write instead.

    Its text is ``file:line:column: path: message``; what is absent is left out. The severity stands
    before the path where it is not an error.

    Attributes:
        message: What is wrong; then, after semicolons, what is expected and a suggestion.
        path: The key's place from the root, as in ``dataPlane.backplane.options.topic``.
        file: The file as it was named, or None for options built in Python.
        line: The line, from 1.
        column: The column in characters, from 1.
        severity: ``error``, ``warning`` or ``information``; only errors make loading fail.
    """

    message: str
    path: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        """Return ``file:line:column: path: message``, without what is absent."""
        numbers = [str(number) for number in (self.line, self.column) if number is not None]
        place = ":".join([self.file, *numbers] if self.file else numbers)
        severity = "" if self.severity == "error" else self.severity
        return ": ".join(part for part in (place, severity, self.path, self.message) if part)
