"""A broken rule on its way to the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.config._problems.report import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from experimentframework_core.config._problems.report import Report
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
        whole: A section of which the rule may have looked at everything, and that has to be good.
    """

    path: str
    message: str
    reads: tuple[str, ...] = ()
    about: str | None = None
    severity: Severity = "error"
    whole: str | None = None


def note(breaches: Iterable[Breach], report: Report) -> None:
    """Note in ``report`` each breach of which all that its rule has looked at is good."""
    said = list(breaches)
    wrong = {problem.path for problem in report.errors}
    around = {outer for path in wrong for outer in _and_around(path)}
    for breach in said:
        looked_at = (breach.path, *breach.reads)
        if breach.whole in around or any(
            path in around
            or not wrong.isdisjoint(_and_around(path))
            or _may_be_misspelt(path, report)
            for path in looked_at
        ):
            continue
        report.add_at_path(
            breach.path,
            breach.message,
            about=breach.about,
            severity=breach.severity,
            reads=breach.reads,
        )


def _may_be_misspelt(path: str, report: Report) -> bool:
    """Tell whether ``path`` is not said, but beside it stands an unknown key that is near."""
    section, _, key = path.rpartition(".")
    beside = () if path in report.places else report.unknown_keys.get(section, ())
    return any(nearest(each, [key]) for each in beside)


def _and_around(path: str) -> Iterator[str]:
    """Yield ``path`` and all that it stands in."""
    yield path
    for index, character in enumerate(path):
        if character in ".[":
            yield path[:index]
