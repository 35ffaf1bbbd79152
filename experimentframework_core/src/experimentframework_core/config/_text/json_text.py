"""Builds the tree of a JSON text, in which comments and trailing commas may stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING, NoReturn

from experimentframework_core.config._problems.report import one_line
from experimentframework_core.config._text.refusals import (
    EMPTY,
    HALF_A_CHARACTER,
    LONGEST_KEY,
    TOO_LONG_KEY,
    Unreadable,
    doubt_of,
    duplicate,
    too_deep,
    too_many_nodes,
)
from experimentframework_core.config._tree import (
    UNKNOWN,
    Entry,
    Items,
    Mapping,
    Place,
    Scalar,
    below,
    is_whole,
)

if TYPE_CHECKING:
    from experimentframework_core.config._problems.report import Report
    from experimentframework_core.config._tree import Node

_BLANK = re.compile(r"(?:[ \t\r\n]++|//[^\r\n]*+|/\*(?s:.*?)\*/)*+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?")
_WORD = re.compile(r"[^\s\[\]{},:\"/]++")
_LINE_END = re.compile("\r\n|[\r\n]")
_TEXT = JSONDecoder()
_WORDS = ("true", "false", "null")
_GIVEN = {"": "end of the text", '"': "text", "'": "single quote"}
_MEANT = {"True": "true", "False": "false", "None": "null", "undefined": "null"}
_FOREIGN_WORDS = (*_WORDS, "nan", "infinity", "inf", "none", "undefined", "yes", "no", "on", "off")


def build(text: str, report: Report, *, most_nodes: int, deepest: int) -> Node | None:
    """Return the tree of ``text``, read as JSON; None after a problem that ends the reading.

    ``//`` and ``/* */`` comments and a comma after the last item are passed over, as the .NET
    ExperimentFramework does.

    Args:
        text: The document.
        report: Takes the problems.
        most_nodes: Keys, values and items at most.
        deepest: Levels at most.
    """
    builder = _Builder(text, report, most_nodes, deepest)
    try:
        return builder.document()
    except Unreadable as error:
        report.add("", error.place, str(error))
    return None


class _Builder:
    """Builds nodes from a text, bounded in number and depth."""

    def __init__(self, text: str, report: Report, most_nodes: int, deepest: int) -> None:
        self._text = text
        self._report = report
        self._most_nodes = most_nodes
        self._deepest = deepest
        self._nodes = 0
        self._at = 0
        self._lines = [0, *(found.end() for found in _LINE_END.finditer(text))]

    def place(self, at: int) -> Place:
        """Return the line and column of an offset."""
        line = bisect_right(self._lines, at)
        return Place(line, at - self._lines[line - 1] + 1, self._report.file)

    def document(self) -> Node | None:
        """Return the one value of the text."""
        if not self._next():
            self._report.add("", Place(1, 1), EMPTY)
            return None
        if self._next() == "#" or self._text.startswith("---", self._at):
            self._refuse("'{'; the name of a file of YAML ends in .yaml or .yml")
        root = self._node("", 1)
        if self._next():
            raise Unreadable(
                f"not JSON: unexpected {self._given()}; expected the end", self.place(self._at)
            )
        return root

    def _next(self) -> str:
        """Return the character behind blanks and comments; nothing at the end."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
        if self._text.startswith("/*", self._at):
            raise Unreadable("not JSON: a comment without its end '*/'", self.place(self._at))
        return self._text[self._at : self._at + 1]

    def _node(self, path: str, level: int) -> Node:
        character = self._next()
        if level > self._deepest:
            raise Unreadable(too_deep(self._deepest), self.place(self._at))
        self._count()
        if character == "{":
            return self._mapping(path, level)
        if character == "[":
            return self._items(path, level)
        place = self.place(self._at)
        if character == '"':
            return Scalar(self._string(path), place)
        return Scalar(self._plain(), place, plain=True)

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > self._most_nodes:
            raise Unreadable(too_many_nodes(self._most_nodes), self.place(self._at))

    def _mapping(self, path: str, level: int) -> Mapping:
        place = self.place(self._at)
        entries: dict[str, Entry] = {}
        self._at += 1
        while self._next() != "}":
            where = self.place(self._at)
            key = self._key(path)
            doubt = doubt_of(key or "")
            value = self._node(below(path, "?" if doubt else key or "?"), level + 1)
            if key in entries:
                inside = path if entries[key].doubt else below(path, key)
                self._report.add(inside, where, duplicate(entries[key]))
            elif key is not None:
                entries[key] = Entry(key, value, where, doubt)
            self._end_item("}")
        self._at += 1
        return Mapping(tuple(entries.values()), place)

    def _items(self, path: str, level: int) -> Items:
        place = self.place(self._at)
        items: list[Node] = []
        self._at += 1
        while self._next() != "]":
            items.append(self._node(below(path, len(items)), level + 1))
            self._end_item("]")
        self._at += 1
        return Items(tuple(items), place)

    def _end_item(self, end: str) -> None:
        found = self._next()
        if found == ",":
            self._at += 1
        elif found != end:
            self._refuse(f"',' or '{end}'")

    def _key(self, path: str) -> str | None:
        if self._next() != '"':
            self._refuse("a key in double quotes")
        self._count()
        start = self._at
        text = self._string(path)
        key = one_line(text) if isinstance(text, str) else None
        if key is not None and len(key) > LONGEST_KEY:
            raise Unreadable(TOO_LONG_KEY, self.place(start))
        if self._next() != ":":
            self._refuse("':' after the key")
        self._at += 1
        return key

    def _string(self, path: str) -> object:
        """Return a text, or UNKNOWN where it has half of a character."""
        start = self._at
        try:
            value: str
            value, self._at = _TEXT.raw_decode(self._text, start)
        except JSONDecodeError as error:
            raise Unreadable(_broken_text(error), self.place(error.pos)) from error
        if is_whole(value):
            return value
        self._report.add(path, self.place(start), HALF_A_CHARACTER)
        return UNKNOWN

    def _plain(self) -> str:
        found = _WORD.match(self._text, self._at)
        word = found[0] if found else ""
        if word not in _WORDS and not _NUMBER.fullmatch(word):
            meant = _MEANT.get(word, "a value; text stands in double quotes")
            self._refuse(meant if self._text[self._at :] else "a value")
        self._at += len(word)
        return word

    def _refuse(self, expected: str) -> NoReturn:
        raise Unreadable(
            f"not JSON: unexpected {self._given()}; expected {expected}", self.place(self._at)
        )

    def _given(self) -> str:
        """Say what stands where reading stopped; what may be a secret is not quoted."""
        character = self._text[self._at : self._at + 1]
        if character in _GIVEN:
            return _GIVEN[character]
        found = _WORD.match(self._text, self._at)
        word = found[0] if found else f"'{character}'"
        if not found or word.lower().lstrip("+-") in _FOREIGN_WORDS:
            return word
        if character in "+-.0123456789":
            return "number" if _NUMBER.fullmatch(word) else "malformed number"
        return "text without quotes"


def _broken_text(error: JSONDecodeError) -> str:
    if error.msg.startswith("Unterminated"):
        return "not JSON: text without its end '\"'"
    if error.msg.startswith("Invalid control"):
        return "not JSON: line break or tab inside a text; write \\n or \\t"
    return (
        'not JSON: unknown escape; after a backslash expected one of "\\/bfnrt, or u and 4 digits;'
        " write \\\\ for a backslash"
    )
