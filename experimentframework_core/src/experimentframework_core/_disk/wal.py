"""What SQLite will recover from a write-ahead log, and whether damage hides more behind it.

The format is that of https://www.sqlite.org/fileformat2.html#the_write_ahead_log: a header of 32
bytes, then frames: a header of 24 bytes and a page. Header and frames carry the same two salts
and a checksum that goes on from frame to frame. Recovery ends at the first frame that does not
fit, and keeps what was committed before it.
"""

from __future__ import annotations

from struct import Struct, unpack
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_header = Struct(">8I").unpack_from
_frame_header = Struct(">6I").unpack_from
_header_size = 32
_frame_header_size = 24
_magic = 0x377F0682
_word = 0xFFFFFFFF

most_frames = 4096
"""How many frames are checked in full; of those behind them only the salts are looked at."""

_most_witnesses = 16

_Checksum = tuple[int, int]


class Log(NamedTuple):
    """What is in a write-ahead log.

    Attributes:
        recovered: How many frames SQLite will recover.
        cut: Whether whole commits stand behind them, which only damage keeps from it. The last
            commit of all is no proof: a crash in the middle of it may leave the same.
    """

    recovered: int
    cut: bool


class _Frame(NamedTuple):
    page: int
    commits: bool
    salts: tuple[int, int]
    checksum: _Checksum
    at: int


def inspect(log: bytes, page_size: int) -> Log:
    """Return what the log of a database with that page size holds."""
    frames = _frames(log, page_size)
    if not frames:
        return Log(0, cut=False)
    salts, checksum, order = _read_header(log, page_size)
    if not order:
        return Log(0, cut=any(_follows(log, frames, 1, page_size, order) for order in "<>"))
    recovered = intact = 0
    for frame in frames:
        if frame.salts != salts or not frame.page:
            break
        if intact < most_frames and _sum_of(log, frame, checksum, page_size, order) != (
            frame.checksum
        ):
            break
        intact += 1
        checksum = frame.checksum
        if frame.commits:
            recovered = intact
    behind = [frame for frame in frames[intact:] if frame.salts == salts]
    commit = next(
        (
            n
            for n, frame in enumerate(behind)
            # Half of a torn header may be of an earlier round of the log.
            if frame.commits and (not n or _is_next(log, behind, n, page_size, order))
        ),
        len(behind),
    )
    return Log(recovered, cut=_follows(log, behind, commit + 1, page_size, order))


def pages(log: bytes, page_size: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and content of every page in a log, whether it can be trusted or not."""
    for frame in _frames(log, page_size):
        start = frame.at + _frame_header_size
        yield frame.page, log[start : start + page_size]


def _frames(log: bytes, page_size: int) -> list[_Frame]:
    size = _frame_header_size + page_size
    frames = []
    for at in range(_header_size, len(log) - size + 1, size):
        page, commits, *rest = _frame_header(log, at)
        frames.append(_Frame(page, bool(commits), (rest[0], rest[1]), (rest[2], rest[3]), at))
    return frames


def _read_header(log: bytes, page_size: int) -> tuple[tuple[int, int], _Checksum, str]:
    """Return salts, checksum and byte order; no order where the header is not a log's."""
    magic, _version, size, _number, salt_1, salt_2, *stored = _header(log)
    order = {_magic: "<", _magic | 1: ">"}.get(magic, "")
    checksum = _checksum(log[: _header_size - 8], (0, 0), order or "<")
    whole = size == page_size and list(checksum) == stored
    return (salt_1, salt_2), checksum, order if whole else ""


def _follows(log: bytes, frames: list[_Frame], start: int, page_size: int, order: str) -> bool:
    """Return whether one of the frames is right, taken that the one before it is."""
    witnesses = range(start, min(start + _most_witnesses, len(frames)))
    return any(_is_next(log, frames, n, page_size, order) for n in witnesses)


def _is_next(log: bytes, frames: list[_Frame], n: int, page_size: int, order: str) -> bool:
    """Return whether a frame is right, taken that the one before it is."""
    frame, before = frames[n], frames[n - 1]
    return bool(
        frame.page
        and frame.salts == before.salts
        and _sum_of(log, frame, before.checksum, page_size, order) == frame.checksum
    )


def _sum_of(log: bytes, frame: _Frame, before: _Checksum, page_size: int, order: str) -> _Checksum:
    page = frame.at + _frame_header_size
    head = _checksum(log[frame.at : frame.at + 8], before, order)
    return _checksum(log[page : page + page_size], head, order)


def _checksum(data: bytes, before: _Checksum, order: str) -> _Checksum:
    first, second = before
    words = iter(unpack(f"{order}{len(data) // 4}I", data))
    for word, following in zip(words, words, strict=True):
        first = (first + word + second) & _word
        second = (second + following + first) & _word
    return first, second
