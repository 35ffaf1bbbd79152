"""A broken rule on its way to the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_core.config._problem import Severity
    from experimentframework_core.config._report import Report


class Breach(NamedTuple):
    """A rule between settings is broken.

    Attributes:
        path: The setting to change.
        message: What is wrong, and what to do.
        reads: The other settings that the rule has looked at; with a problem in one of them, or
            at ``path``, nothing is known and nothing is said.
        about: What the message may quote values of, where that is not ``path``.
        severity: Whether it refuses the configuration.
    """

    path: str
    message: str
    reads: tuple[str, ...] = ()
    about: str | None = None
    severity: Severity = "error"


def note(breaches: Iterable[Breach], report: Report) -> None:
    """Note in ``report`` the breaches of which everything that they have looked at is good."""
    known = [
        each for each in breaches if not any(map(report.concerns, (each.path, *each.reads)))
    ]
    for each in known:
        report.add_at_path(each.path, each.message, about=each.about, severity=each.severity)
