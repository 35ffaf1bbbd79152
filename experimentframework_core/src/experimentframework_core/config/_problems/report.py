"""Gathers problems, and words them alike."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left, insort
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from experimentframework_core.config._problems.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from experimentframework_core.config._tree import Place
    from experimentframework_core.plugin import Severity

MISSING = "missing"
"""How the message begins where something must stand and does not."""

_ROOTS = re.compile(r"[eE]xperimentFramework\.")
_SIGNING_IN = re.compile(r"//\S*@")
_LONGEST_SHOWN = 60
_MOST_LISTED = 12
_SHORTEST_WORD = 4


class Report:
    """The problems of one configuration.

    Attributes:
        file: What a problem without a place begins with; None for options built in Python.
        problems: What was found so far.
        places: Where each path that was seen stands.
        open_values: Where the values stand that a source line may show.
        secret_values: Where those stand that it may not, whatever else is said of them.
        unknown_keys: The keys that no one knows, by the path of what they stand in.
    """

    def __init__(self, file: str | None = None) -> None:
        """Begin with no problem."""
        self.file = file
        self.problems: list[Problem] = []
        self.places: dict[str, Place | None] = {}
        self.open_values: set[Place] = set()
        self.secret_values: set[Place] = set()
        self.unknown_keys: dict[str, list[str]] = {}
        self._hidden: dict[str, tuple[str, str]] = {}
        self._hidden_paths: list[str] = []

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep the configuration from being loaded."""
        return [each for each in self.problems if each.severity == "error"]

    def hide(self, path: str, value: str, written: str) -> None:
        """Show ``written`` for ``value`` in problems at ``path`` or around it."""
        path = _bare(path)
        if path not in self._hidden:
            insort(self._hidden_paths, path)
        self._hidden[path] = value, written

    def empty(self) -> Report:
        """Return one without problems, of the same configuration."""
        other = Report(self.file)
        other._hidden, other._hidden_paths = self._hidden, self._hidden_paths
        return other

    def add(
        self,
        path: str,
        place: Place | None,
        message: str,
        *,
        about: str | None = None,
        severity: Severity = "error",
    ) -> None:
        """Note one problem; a path or message of several lines is put on one.

        Args:
            path: The setting to change.
            place: Where it stands.
            message: What is wrong.
            about: What the message may quote values of; ``path`` if it is not given, everything
                if it is empty.
            severity: How bad it is.
        """
        about = path if about is None else about
        self.problems.append(
            Problem(
                message=one_line(self._without_values(message, _bare(about))),
                path=_bare(one_line(path)),
                file=(place and place.file) or self.file,
                line=place.line if place else None,
                column=place.column if place else None,
                severity=severity,
            )
        )

    def add_at_path(
        self,
        path: str,
        message: str,
        *,
        about: str | None = None,
        severity: Severity = "error",
        reads: Sequence[str] = (),
    ) -> None:
        """Note one problem at the place of ``path``, or of the nearest path above that was seen.

        Args:
            path: The setting to change.
            message: What is wrong.
            about: What the message may quote values of; ``path`` if it is not given.
            severity: How bad it is.
            reads: The other settings that are concerned; where those of another file stand is
                said too.
        """
        known = path
        while known and known not in self.places:
            known = known[: max(known.rfind("."), known.rfind("["), 0)]
        place = self.places.get(known)
        elsewhere = [
            f"; {each.rpartition('.')[2]} stands at {other}"
            for each in reads
            if place and (other := self.places.get(each)) and other.file != place.file
        ]
        message = "".join([message, *elsewhere])
        self.add(path, place, message, about=about, severity=severity)

    def _without_values(self, message: str, about: str) -> str:
        written_for = {
            form: shown_instead
            for path in self._hidden_in(about)
            for form, shown_instead in _forms(*self._hidden[path])
        }
        if not written_for:
            return message
        longest_first = sorted(written_for, key=len, reverse=True)
        values = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)"
        return re.sub(values, lambda found: written_for[found[1]], message)

    def _hidden_in(self, path: str) -> Iterator[str]:
        """Yield the paths at or in ``path`` whose values are hidden; '' is the root."""
        first = bisect_left(self._hidden_paths, path)
        with_prefix = takewhile(
            lambda each: each.startswith(path), islice(self._hidden_paths, first, None)
        )
        return (each for each in with_prefix if not path or _holds(path, each))

    def concerns(self, path: str) -> bool:
        """Tell whether ``path``, something in it or something around it has an error."""
        return any(_holds(each.path, path) or _holds(path, each.path) for each in self.errors)

    def is_below(self, path: str) -> bool:
        """Tell whether every problem is of something inside ``path``, none of itself."""
        return all(each.path != path and _holds(path, each.path) for each in self.problems)

    def merge(self, other: Report) -> None:
        """Take over all of ``other``."""
        self.problems += other.problems
        self.places |= other.places
        self.open_values |= other.open_values
        self.secret_values |= other.secret_values
        self.unknown_keys |= other.unknown_keys

    def in_order(self, files: Sequence[str] = ()) -> tuple[Problem, ...]:
        """Return the problems in the order of ``files`` and of their lines, each once."""
        order = {file: number for number, file in enumerate(files)}
        return tuple(
            sorted(
                dict.fromkeys(self.problems),
                key=lambda problem: (
                    order.get(problem.file or "", -1),
                    problem.line or 0,
                    problem.column or 0,
                ),
            )
        )


def _bare(path: str) -> str:
    """Return ``path`` from the root's sections on, however the root is spelled."""
    wrapped = _ROOTS.match(path)
    return path[wrapped.end() :] if wrapped else path


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
    """Return ``text`` in quotes, cut where it is long, without who signs in to an address."""
    text = _SIGNING_IN.sub("//***@", text)
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
    by_letters = {letters(name): name for name in known}
    close = difflib.get_close_matches(letters(given[:_LONGEST_SHOWN]), by_letters, n=1)
    return by_letters[close[0]] if close else None


def letters(name: str) -> str:
    """Return what is the same for a name in all its spellings."""
    return name.lower().replace("_", "").replace("-", "")
