"""A broken rule on its way to the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from experimentframework_core.plugin import Severity


class Breach(NamedTuple):
    """A rule between settings is broken.

    Attributes:
        path: The setting to change.
        message: What is wrong, and what to do.
        reads: The other settings that the rule has looked at; with a problem in one of them, or
            at ``path``, nothing is known and nothing is said.
        about: What the message may quote values of, where that is not ``path``.
        severity: How bad it is.
    """

    path: str
    message: str
    reads: tuple[str, ...] = ()
    about: str | None = None
    severity: Severity = "error"
