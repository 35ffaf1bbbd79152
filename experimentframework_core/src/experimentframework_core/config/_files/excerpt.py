"""Shows the source line of a problem, without any value that might be a secret."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.config._tree import UNKNOWN, Items, Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.config._files.read import Document
    from experimentframework_core.config._problems.problem import Problem
    from experimentframework_core.config._problems.report import Report
    from experimentframework_core.config._tree import Node, Scalar

_MASK = "***"
_WINDOW = 60
_WIDEST = 90
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_LEAD = re.compile(r"[\s{\[,?-]*+")
_BETWEEN = re.compile(r"[\s:,{}\[\]-]*+")
_TAIL = re.compile(r"[\s,{}\[\]]*\Z")
_KEY = re.compile(r"[\s{\[-]*+[\"']?[A-Za-z][\w.-]{0,60}[\"']?[ \t]*+:(?=\s|$)")
_REFERENCE = re.compile(r"\$\{(?:[A-Za-z_]\w*|file:[^}]*)\}")


class Excerpt(NamedTuple):
    """A source line as it may be shown.

    Attributes:
        text: The line; values that may be secret are ``***``, comments are left out.
        caret: How many characters stand before what the problem is about.
    """

    text: str
    caret: int


class _Token(NamedTuple):
    """A key or value on a line: where it begins, and its text if that may be shown."""

    start: int
    text: str | None


class Excerpts:
    """The source lines of a configuration's problems.

    A value is shown where its key's type is known and is no secret; every other character of a
    line is either punctuation or ``***``.
    """

    def __init__(self, documents: Sequence[Document], report: Report) -> None:
        """Take what was read, and what the check has found out of each value."""
        self._documents = {document.name: document for document in documents}
        self._shown = report.open_values - report.secret_values
        self._tokens: dict[str, dict[int, list[_Token]]] = {}
        self._lines: dict[str, list[str]] = {}

    def of(self, problem: Problem) -> Excerpt | None:
        """Return the line of a problem; None where it has none."""
        name, number, column = problem.file, problem.line, problem.column
        if name not in self._documents or number is None or column is None:
            return None
        if name not in self._lines:
            document = self._documents[name]
            self._lines[name] = _LINE_END.split(document.text)
            self._tokens[name] = self._of_lines(document, self._lines[name])
        lines = self._lines[name]
        if number > len(lines):
            return None
        whole = _rendered(lines[number - 1], self._tokens[name].get(number, []), column - 1)
        return _fitted(whole)

    def _of_lines(self, document: Document, lines: list[str]) -> dict[int, list[_Token]]:
        found: dict[int, list[_Token]] = {}
        if document.root is not None:
            for line, token in self._in(document.root, lines):
                found.setdefault(line, []).append(token)
        return {line: sorted(tokens, key=_start) for line, tokens in found.items()}

    def _in(self, node: Node, lines: list[str]) -> Iterator[tuple[int, _Token]]:
        if isinstance(node, Mapping):
            for entry in node.entries:
                if entry.place:
                    line, start = entry.place.line, entry.place.column - 1
                    hidden = entry.doubt and entry.place not in self._shown
                    key = None if hidden else _written(entry.key, lines, line, start)
                    yield line, _Token(start, key)
                yield from self._in(entry.value, lines)
        elif isinstance(node, Items):
            for item in node.items:
                yield from self._in(item, lines)
        elif node.place and (node.value != "" or not node.plain):
            line, start = node.place.line, node.place.column - 1
            text = node.value if node.written is None else node.written
            text = text if isinstance(text, str) and self._may_show(node, text) else None
            yield line, _Token(start, None if text is None else _written(text, lines, line, start))

    def _may_show(self, scalar: Scalar, text: str) -> bool:
        if scalar.written is not None and _REFERENCE.fullmatch(text):
            return True
        return scalar.value is not UNKNOWN and scalar.place in self._shown


def _written(text: str, lines: list[str], line: int, start: int) -> str | None:
    """Return ``text`` with the quotes that stand around it; None if it is written otherwise."""
    source = lines[line - 1] if line <= len(lines) else ""
    quote = source[start : start + 1]
    if quote in ("'", '"') and source.startswith(quoted := f"{quote}{text}{quote}", start):
        return quoted
    return text if source.startswith(text, start) else None


def _rendered(line: str, tokens: list[_Token], column: int) -> Excerpt:
    first = bisect_left(tokens, column - _WINDOW, key=_start)
    last = bisect_left(tokens, column + _WINDOW, key=_start)
    near = tokens[first:last]
    if not near:
        return _of_nothing_known(line, column)
    text = _lead(line[: near[0].start]) if first == 0 else "… "
    caret = None
    ends = [*map(_start, tokens[first + 1 : last + 1]), len(line)]
    for token, end in zip(near, ends, strict=False):
        if token.start == column:
            caret = len(text)
        text += _segment(line[token.start : end], token)
    if last < len(tokens):
        text += "…"
    text = text.rstrip()
    return Excerpt(text, min(column, len(text)) if caret is None else caret)


def _fitted(whole: Excerpt) -> Excerpt:
    """Return what is near the caret."""
    text, caret = whole
    if len(text) > caret + _WIDEST:
        text = f"{text[: caret + _WIDEST]}…"
    if caret > _WIDEST:
        text, caret = f"…{text[caret - _WIDEST :]}", _WIDEST + 1
    return Excerpt(text, caret)


def _start(token: _Token) -> int:
    return token.start


def _of_nothing_known(line: str, column: int) -> Excerpt:
    """Return a line that could not be read: its key, if it begins with one."""
    key = _KEY.match(line)
    lead = _LEAD.match(line)
    text = f"{key[0]} {_MASK}" if key else f"{lead[0] if lead else ''}{_MASK}"
    return Excerpt(text, min(column, len(text)))


def _lead(text: str) -> str:
    lead = _LEAD.match(text)
    known = lead[0] if lead else ""
    return known if known == text else f"{known}{_MASK} "


def _segment(source: str, token: _Token) -> str:
    """Return a token and what stands behind it up to the next."""
    if token.text is None:
        tail = _TAIL.search(source)
        return _MASK + (tail[0] if tail else "")
    rest = source[len(token.text) :]
    between = _BETWEEN.match(rest)
    known = between[0] if between else ""
    if known == rest:
        return source
    if rest.startswith(("#", "//", "/*"), len(known)):
        return token.text + known
    tail = _TAIL.search(rest)
    return f"{token.text}{known}{_MASK}{tail[0] if tail else ''}"
