"""Says what this version only reads, so that nobody takes valid for running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._model.root import Configuration
from experimentframework_core.config._problems.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEANINGS = {
    "settings": "nothing reads it",
    "decorators": "nothing is wrapped by it",
    "trials": "nothing is selected by it",
    "experiments": "nothing is selected by it",
    "governance": "nothing is governed by it",
}
_EXPOSING = ("exposureLogging", "outcomeCollection")
_NOTHING_SAID = Configuration()


def notices(configuration: Configuration) -> list[Problem]:
    """Return one notice for each section that is validated and offered, and does nothing yet.

    A section that says nothing but defaults has none. The notices have no file and no line.
    """
    return [
        Problem(path=path, message=message, severity="information")
        for path, message in _notices(configuration)
    ]


def _notices(configuration: Configuration) -> Iterator[tuple[str, str]]:
    for section, meaning in _MEANINGS.items():
        if getattr(configuration, section) == getattr(_NOTHING_SAID, section):
            continue
        message = f"validated and offered as config.{section}; {meaning} in this version"
        exposing = [each.type for each in configuration.decorators if each.type in _EXPOSING]
        if section == "decorators" and exposing:
            named = " and ".join(dict.fromkeys(exposing))
            message += f"; {named} will act through plane.expose() in a later one"
        yield section, message
