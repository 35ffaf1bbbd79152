"""Gathers problems, and words them alike."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from experimentframework_core.config._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from experimentframework_core.config._tree import Place

LATER = "is not available in this version"

_ROOT = "experimentFramework."
_LONGEST_SHOWN = 60
_MOST_LISTED = 12
_SHORTEST_WORD = 4


class Report:
    """The problems of one configuration.

    Attributes:
        file: The name that each problem begins with; None for options built in Python.
        problems: What was found so far.
        places: Where each path that was seen stands.
    """

    def __init__(self, file: str | None = None) -> None:
        """Begin with no problem."""
        self.file = file
        self.problems: list[Problem] = []
        self.places: dict[str, Place | None] = {}
        self._hidden: dict[str, tuple[str, str]] = {}

    def hide(self, path: str, value: str, written: str) -> None:
        """Show ``written`` for ``value`` in problems at ``path`` or around it."""
        self._hidden[path.removeprefix(_ROOT)] = value, written

    def empty(self) -> Report:
        """Return one without problems, of the same configuration."""
        other = Report(self.file)
        other._hidden = self._hidden
        return other

    def add(
        self, path: str, place: Place | None, message: str, *, about: str | None = None
    ) -> None:
        """Note one problem; a path or message of several lines is put on one.

        Args:
            path: The setting to change.
            place: Where it stands.
            message: What is wrong.
            about: What the message may quote values of; ``path`` if it is not given.
        """
        line, column = place or (None, None)
        about = path if about is None else about
        self.problems.append(
            Problem(
                message=one_line(self._without_values(message, about.removeprefix(_ROOT))),
                path=one_line(path).removeprefix(_ROOT),
                file=self.file,
                line=line,
                column=column,
            )
        )

    def add_at_path(self, path: str, message: str, *, about: str | None = None) -> None:
        """Note one problem at the place of ``path``, or of the nearest path above that was seen."""
        known = path
        while known and known not in self.places:
            known = known[: max(known.rfind("."), known.rfind("["), 0)]
        self.add(path, self.places.get(known), message, about=about)

    def _without_values(self, message: str, about: str) -> str:
        written_for = {
            form: shown_instead
            for path, (value, written) in self._hidden.items()
            if _holds(about, path)
            for form, shown_instead in _forms(value, written)
        }
        if not written_for:
            return message
        longest_first = sorted(written_for, key=len, reverse=True)
        values = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)"
        return re.sub(values, lambda found: written_for[found[1]], message)

    def concerns(self, path: str) -> bool:
        """Tell whether ``path``, something in it or something around it has a problem."""
        return any(_holds(each.path, path) or _holds(path, each.path) for each in self.problems)

    def is_below(self, path: str) -> bool:
        """Tell whether every problem is of something inside ``path``, none of itself."""
        return all(each.path != path and _holds(path, each.path) for each in self.problems)

    def merge(self, other: Report) -> None:
        """Take over all of ``other``."""
        self.problems += other.problems
        self.places |= other.places

    def in_order(self) -> tuple[Problem, ...]:
        """Return the problems in the order of the file, each once."""
        return tuple(
            sorted(
                dict.fromkeys(self.problems),
                key=lambda problem: (problem.line or 0, problem.column or 0),
            )
        )


def _holds(outer: str, path: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _forms(value: str, written: str) -> Iterator[tuple[str, str]]:
    """Yield how a message may show ``value`` (as it is, escaped, cut), and what to show instead."""
    for form in (value, one_line(value), shown(value)[1:-1], repr(value)[1:-1]):
        if len(form) >= _SHORTEST_WORD:
            yield form, written
        else:
            yield f"'{form}'", f"'{written}'"


def one_line(text: str) -> str:
    """Return ``text`` with everything that is not printable escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


def shown(text: str) -> str:
    """Return ``text`` in quotes, cut where it is long."""
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return f"'{one_line(cut)}'"


def listed(words: Sequence[str]) -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """Word a name that is not one of ``known``: what is, and which was probably meant."""
    names = list(known)
    meant = nearest(given, names)
    parts = [f"unknown {what} {shown(given)}"]
    if names and (meant is None or len(names) <= _MOST_LISTED):
        parts.append(f"expected {listed(names)}")
    if meant is not None:
        parts.append(f"did you mean '{meant}'?")
    return "; ".join(parts)


def nearest(given: str, known: Sequence[str]) -> str | None:
    """Return which of ``known`` was probably meant; None if nothing is near."""
    by_letters = {_letters(name): name for name in known}
    close = difflib.get_close_matches(_letters(given[:_LONGEST_SHOWN]), by_letters, n=1)
    return by_letters[close[0]] if close else None


def _letters(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
