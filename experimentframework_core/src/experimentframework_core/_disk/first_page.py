"""The first page of a journal: without it SQLite reads nothing, but it is the same in all.

The format is that of https://www.sqlite.org/fileformat2.html#the_database_header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._disk.journal_file import page_size, schema
from experimentframework_core._disk.set_aside import log_of

if TYPE_CHECKING:
    from pathlib import Path

_magic = b"SQLite format 3\0"
_log_magic = b"\x37\x7f\x06"
_page_count = slice(28, 32)
_free_pages = slice(32, 40)
_application_id = slice(68, 72)
_table_pages = {5, 13}
_versions = slice(18, 20)
_write_ahead = b"\2\2"
_fixed = (slice(16, 18), slice(20, 24), slice(44, 48), slice(56, 60), _application_id)


def read(path: Path, pages: int = 1) -> bytes:
    """Return the first page, or pages, of a file, as far as it goes; nothing without a file."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        return file.read(page_size * pages)


def is_ours(path: Path) -> bool:
    """Return whether a file is a database, or what may be left of a journal."""
    log = read(log_of(path))
    start = read(path, 1 + len(schema.statements))
    page = start[:page_size]
    trees = {start[at] for at in range(page_size, len(start), page_size)}
    return (
        not page.strip(b"\0")
        or log.startswith(_log_magic)
        or page[: len(_magic)] == _magic
        or page[_application_id] == schema.application_id.to_bytes(4, "big")
        or has_table(page)
        or bool(trees & _table_pages)
    )


def has_table(page: bytes) -> bool:
    """Return whether the text of one of the journal's tables is in the page."""
    return any(statement.encode() in page for statement in schema.statements)


def is_broken(page: bytes, sound: bytes) -> bool:
    """Return whether a page that may be a journal's differs in what is the same in all."""
    if page[: len(_magic)] != _magic:
        return True
    same = all(page[part] == sound[part] for part in _fixed)
    if has_table(page) or page[_application_id] == sound[_application_id]:
        return not same or page[_versions] != _write_ahead
    return False


def mend(path: Path, sound: bytes) -> None:
    """Put a sound page in place of the first one, fitted to the length of the file."""
    page = bytearray(sound)
    pages = max(path.stat().st_size // page_size, 1)
    page[_page_count] = pages.to_bytes(4, "big")
    page[_free_pages] = bytes(8)
    page[_versions] = _write_ahead
    with path.open("r+b") as file:
        file.write(page)
