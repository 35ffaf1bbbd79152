"""Connection strings in parts: what is quoted and how, and what has no form."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_sqlserver._connection.pairs import Pair, PairError, odbc_text, pairs_of

KEYWORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9_ ]{0,20}[A-Za-z0-9]", fullmatch=True)
PAIRS = st.lists(st.tuples(KEYWORDS, st.text(max_size=40)), max_size=8)


def braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}"


def double_quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def single_quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        (" ; ;", []),
        ("a=1", [(1, "a", "1")]),
        (" a b = 1 2 ;; c = ", [(1, "a b", "1 2"), (3, "c", "")]),
        ("a=b=c", [(1, "a", "b=c")]),
        ("a={x;y}}z} ; b=2", [(1, "a", "x;y}z"), (2, "b", "2")]),
        ('a="x;""y"; b=2', [(1, "a", 'x;"y'), (2, "b", "2")]),
        ("a='x;''y';b='\"'", [(1, "a", "x;'y"), (2, "b", '"')]),
        ("a=x{y}z\"'", [(1, "a", "x{y}z\"'")]),
        ("a={}", [(1, "a", "")]),
        ("a={\n }", [(1, "a", "\n ")]),
    ],
)
def test_what_a_string_says(text: str, pairs: list[tuple[int, str, str]]) -> None:
    """Given a connection string, When it is split, Then quotes are gone and values whole."""
    found = list(pairs_of(text))

    assert found == [Pair(*pair) for pair in pairs]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=1;hunter2", "its part 2 has no '='; expected keyword=value"),
        ("a=1;=hunter2", "its part 2 has no keyword before '='"),
        *(
            (
                f"a=1;b={value}",
                (
                    "its part 2 begins its value with a brace or quote; expected the same at the"
                    " end, doubled where it is meant itself"
                ),
            )
            for value in ("{hunter2", "{hunter2}}", '"hunter2', "'hunter2", "{hunter2}x", '"a"b')
        ),
    ],
)
def test_a_string_without_form(text: str, message: str) -> None:
    """Given a string that cannot be split, When it is, Then the part is named, not quoted."""
    with pytest.raises(PairError) as caught:
        list(pairs_of(text))

    assert str(caught.value) == message


@given(PAIRS, st.sampled_from([braced, double_quoted, single_quoted]))
def test_a_quoted_value_is_read_as_it_was(pairs: list[tuple[str, str]], quoted: object) -> None:
    """Given any values, When they are quoted in any way, Then they are read as they were."""
    assert callable(quoted)
    text = ";".join(f"{keyword} = {quoted(value)} " for keyword, value in pairs)

    found = [(pair.keyword, pair.value) for pair in pairs_of(text)]

    assert found == pairs


@given(PAIRS)
def test_what_odbc_is_told_is_read_as_it_was(pairs: list[tuple[str, str]]) -> None:
    """Given any values, When they are joined for ODBC, Then they are read as they were."""
    text = odbc_text(pairs)

    found = [(pair.keyword, pair.value) for pair in pairs_of(text)]

    assert found == pairs


@given(st.text(alphabet="a=;{}\"' ", max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    """Given any text, When it is split, Then its parts have keywords, or a PairError says why."""
    found: list[Pair] = []

    with suppress(PairError):
        found += pairs_of(text)

    assert all(pair.keyword for pair in found)


@pytest.mark.parametrize("piece", [" ", "=", "{", "a={x}}", "a='", ";", "}"])
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    """Given half a megabyte of one piece, When it is split, Then that is done at once."""
    text = f"a={piece}{piece * (500_000 // len(piece))}"
    start = time.process_time()

    with suppress(PairError):
        list(pairs_of(text))

    assert time.process_time() - start < 2
