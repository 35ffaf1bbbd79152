"""The pages of the documentation, and the blocks of code in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from tests.packaging.layout import root

if TYPE_CHECKING:
    from pathlib import Path

docs = root / "docs"
pages = (root / "README.md", root / "CONTRIBUTING.md", *sorted(docs.rglob("*.md")))

_block = re.compile(
    r"(?:^`(?P<name>[\w.-]+)`:\n\n)?"
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<code>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_include = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)


class Block(msgspec.Struct, frozen=True):
    """A fenced block of a page.

    Attributes:
        page: The page's path below the root.
        line: The line of its fence.
        language: What its fence says.
        file: The file that it shows: its title, or the line before it; None when it is none.
        code: What stands in it.
    """

    page: str
    line: int
    language: str
    file: str | None
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path, *languages: str) -> list[Block]:
    """Return the blocks of a page in these languages, in order; in all, if none is named."""
    text = page.read_text("utf-8")
    found = [
        Block(
            str(page.relative_to(root)),
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["title"] or match["name"],
            _included(match["code"]),
        )
        for match in _block.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def all_blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages in these languages."""
    return [block for page in pages for block in blocks_of(page, *languages)]


def write_files(page: Path, folder: Path) -> None:
    """Write the files that a page shows into a folder."""
    for block in blocks_of(page):
        if block.file:
            file = folder / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code, "utf-8")


def _included(code: str) -> str:
    return _include.sub(lambda match: (root / match[1]).read_text("utf-8").rstrip(), code)
