"""The rows in the pages of a SQLite file, each by itself: what leads to a page may be damaged.

The format is that of https://www.sqlite.org/fileformat2.html#b_tree_pages and of the sections on
overflow pages and records behind it, for a file without reserved bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core._disk.journal_data import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Fetch = Callable[[int], bytes]
    """Returns the page of a number, counted from 1; nothing where there is none."""

_leaf = 13
_header_size = 8
_longest_varint = 9
_goes_on = 0x80
_sizes = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_integers = {1, 2, 3, 4, 5, 6, 8, 9}
_constants = {9: 1}
_text_or_blob = 12
_columns = 5

longest_row = 64 * 1024 * 1024
"""Bytes of the longest row that is looked for; what claims more is taken for garbage."""


def rows_in(page: bytes, fetch: Fetch) -> Iterator[tuple[Row, int]]:
    """Yield what looks like a journal's row in a page, and the checksum that stands beside it."""
    if not page or page[0] != _leaf:
        return
    count = int.from_bytes(page[3:5], "big")
    for at in range(_header_size, min(_header_size + 2 * count, len(page) - 1), 2):
        try:
            # As SQLite does: what is too large for a page is taken modulo its size.
            cell = int.from_bytes(page[at : at + 2], "big") % len(page)
            found = _row(page, cell, fetch)
        except (IndexError, ValueError):
            continue
        yield found


def _row(page: bytes, at: int, fetch: Fetch) -> tuple[Row, int]:
    length, at = _varint(page, at)
    sequence, at = _varint(page, at)
    payload = _payload(page, at, length, fetch)
    header_size, start = _varint(payload, 0)
    values: list[int] = []
    place = header_size
    for column in range(_columns):
        if start >= header_size:
            raise ValueError("columns are missing")
        kind, start = _varint(payload, start)
        size = _size(kind)
        if column == _columns - 1:
            break
        values.append(_integer(payload, place, kind, size) if column else sequence)
        place += size
    if kind < _text_or_blob:
        raise ValueError("not a row of events")
    if place + size > len(payload):
        raise ValueError("a row is cut off")
    return Row(sequence, values[1], values[2], payload[place : place + size]), values[3]


def _size(kind: int) -> int:
    if kind >= _text_or_blob:
        return (kind - _text_or_blob) // 2
    return _sizes[kind]


def _integer(payload: bytes, place: int, kind: int, size: int) -> int:
    if kind not in _integers:
        raise ValueError("not a row of events")
    return _constants.get(kind) or int.from_bytes(payload[place : place + size], "big", signed=True)


def _payload(page: bytes, at: int, length: int, fetch: Fetch) -> bytes:
    """Return a cell's payload, of which a part may be on overflow pages."""
    if not 0 <= length <= longest_row:
        raise ValueError("no row is as long")
    usable = len(page)
    most = usable - 35
    if length <= most:
        return _whole(page[at : at + length], length)
    least = (usable - 12) * 32 // 255 - 23
    local = least + (length - least) % (usable - 4)
    local = local if local <= most else least
    parts = [page[at : at + local]]
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    seen = set()
    for _ in range(-(-(length - local) // (usable - 4))):
        overflow = b"" if following in seen else fetch(following)
        seen.add(following)
        if not overflow:
            raise ValueError("an overflow page is missing")
        parts.append(overflow[4:])
        following = int.from_bytes(overflow[:4], "big")
    return _whole(b"".join(parts)[:length], length)


def _whole(payload: bytes, length: int) -> bytes:
    if len(payload) < length:
        raise ValueError("a row is cut off")
    return payload


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of 1 to 9 bytes, as 64 bits with a sign, and where it ends."""
    value = data[at]
    if value < _goes_on:
        return value, at + 1
    value &= 0x7F
    for place in range(at + 1, at + _longest_varint - 1):
        value = value << 7 | data[place] & 0x7F
        if data[place] < _goes_on:
            return value, place + 1
    place = at + _longest_varint - 1
    value = value << 8 | data[place]
    return value - (value >> 63 << 64), place + 1
