"""Lines out of chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.cli._ndjson import LineSplitter

if TYPE_CHECKING:
    from collections.abc import Iterable


def split(chunks: Iterable[bytes], *, limit: int = 100) -> list[tuple[int, bytes | None]]:
    splitter = LineSplitter(limit)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return [*lines, *splitter.end()]


def test_a_line_cut_by_chunks_comes_out_whole() -> None:
    chunks = [b'{"a"', b": 1}\n{", b'"b": 2}\r\n']

    lines = split(chunks)

    assert lines == [(1, b'{"a": 1}'), (2, b'{"b": 2}')]


def test_the_last_line_needs_no_line_break() -> None:
    assert split([b"one\ntwo"]) == [(1, b"one"), (2, b"two")]


def test_blank_lines_keep_their_numbers() -> None:
    assert split([b"\n  \r\nthree\n"]) == [(1, b""), (2, b""), (3, b"three")]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert split([b"\xef\xbb\xbfone\n\xef\xbb\xbf"]) == [(1, b"one"), (2, b"\xef\xbb\xbf")]


def test_a_line_over_the_limit_is_thrown_away_and_the_next_one_is_read() -> None:
    chunks = [b"x" * 80, b"x" * 80, b"xx\nnext\n"]

    lines = split(chunks, limit=100)

    assert lines == [(1, None), (2, b"next")]


def test_an_endless_line_takes_no_memory() -> None:
    splitter = LineSplitter(100)

    for _ in range(1000):
        assert list(splitter.feed(b"x" * 1000)) == []

    assert len(splitter._open) <= 100
    assert list(splitter.end()) == [(1, None)]


@given(
    st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=12),
    st.integers(1, 9),
)
def test_the_lines_do_not_depend_on_the_chunks(lines: list[bytes], size: int) -> None:
    whole = b"\n".join(lines)

    found = split((whole[at : at + size] for at in range(0, len(whole), size)), limit=8)

    assert found == split([whole], limit=8)
