"""What the readers of YAML and of JSON refuse, in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._problems.report import shown

if TYPE_CHECKING:
    from experimentframework_core.config._tree import Entry, Place

LONGEST_KEY = 256
SOME_SECTION = "expected a mapping with sections such as dataPlane"
EMPTY = f"empty; {SOME_SECTION}"
HALF_A_CHARACTER = "half of a surrogate pair; expected a whole character"
KEY_ALONE = "a key without a value; put a value that has , or : in quotes"
_COLON_IN_KEY = (
    "unknown key with a colon in it; put a space behind the colon, or a value that has , or : in"
    " quotes"
)
_EXPRESSION_IN_KEY = "unknown key; ${…} is replaced in values only, never in keys"
TOO_LONG_KEY = f"too long a key; expected at most {LONGEST_KEY} characters"


class Unreadable(Exception):  # noqa: N818 - it ends the reading, whatever is open
    """The document cannot be read on from ``place``; the text says why."""

    def __init__(self, message: str, place: Place) -> None:
        self.place = place
        super().__init__(message)


def duplicate(first: Entry) -> str:
    """Word the refusal of a key that its mapping has already."""
    line = first.place.line if first.place else "?"
    named = "" if first.doubt else f" {shown(first.key)}"
    return f"duplicate key{named}; first at line {line}"


def doubt_of(key: str) -> str | None:
    """Return what to say of ``key`` where it may be a key and a secret: it has a colon."""
    if ":" not in key:
        return None
    return _EXPRESSION_IN_KEY if "${" in key else _COLON_IN_KEY


def too_many_nodes(most: int) -> str:
    """Word the refusal of a document that is too large."""
    return f"too large; expected at most {most:,} keys, values and list items"


def too_deep(deepest: int) -> str:
    """Word the refusal of a document that is too deep."""
    return f"nested too deep; expected at most {deepest} levels"
