"""The versions of the schema: the ``.sql`` files of this distribution, in their order."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from experimentframework_sqlserver._table.naming import Names

HISTORY = "history.sql"
"""The file that makes the schema and the table of the applied migrations, where they are missing.
"""

_FILE = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")
_GO = re.compile(r"^[ \t]*GO[ \t]*$", re.MULTILINE | re.IGNORECASE)
_folder = files("experimentframework_sqlserver") / "migrations"


class Migration(NamedTuple):
    """One step from a version of the schema to the next.

    Attributes:
        number: The version that it leads to, from 1.
        name: What it does, in a word or two.
        text: Its statements, with placeholders for the names.
    """

    number: int
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.number:04}_{self.name}"

    @property
    def checksum(self) -> str:
        """The SHA-256 of its text, in hexadecimal; the names of schema and table do not count."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def batches(self, names: Names) -> tuple[str, ...]:
        """Return what is sent to the server, one after another."""
        return batches_of(self.text, names)


def batches_of(text: str, names: Names) -> tuple[str, ...]:
    """Return the batches between the lines that say GO, with the names in them."""
    parts = (part.strip() for part in _GO.split(text))
    return tuple(names.within(part) for part in parts if part)


@cache
def migrations() -> tuple[Migration, ...]:
    """Return every migration, the one to the first version first."""
    matches = (_FILE.fullmatch(file.name) for file in _folder.iterdir())
    found = [Migration(int(match[1]), match[2], text_of(match[0])) for match in matches if match]
    return tuple(sorted(found))


def text_of(name: str) -> str:
    """Return the text of a file beside the migrations, the same on every system."""
    return (_folder / name).read_text("utf-8").replace("\r\n", "\n")
