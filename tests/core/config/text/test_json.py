"""JSON as the reader takes it: places, comments, trailing commas, and what it refuses."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experimentframework_core.config._problems.report import Report
from experimentframework_core.config._text.source import read
from experimentframework_core.config._tree import Items, Mapping, Node, Scalar
from experimentframework_core.config._walk.scalars import meaning

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
KEYS = TEXT.filter(lambda key: len(key) <= 50)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
BLANKS = st.sampled_from(["", " ", "\t", "\r\n", "\n", '// a "comment" {\n', "/* [ \n ] */"])
GOOD = '{"dataPlane": {"retry": {"maxAttempts": 3}, "x": ["a\\u00e9", 1.5, true, null, {}, []]}}'
BITS = st.sampled_from(
    [*"{}[],:\"\\/*-+.0e \n\t'#", "//", "/*", "*/", "null", "NaN", "\\u", "\ud800"]
)


def problems(text: str) -> list[str]:
    report = Report("e.json")
    read(text, report)
    return [str(problem) for problem in report.in_order()]


def tree(text: str) -> Node:
    report = Report("e.json")
    node = read(text, report)
    assert not report.problems
    assert node is not None
    return node


def value_of(node: Node) -> Any:
    """Return what Python's own reader would."""
    if isinstance(node, Mapping):
        return {entry.key: value_of(entry.value) for entry in node.entries}
    if isinstance(node, Items):
        return [value_of(item) for item in node.items]
    return meaning(node)


@given(VALUES, st.lists(BLANKS, min_size=1, max_size=5), st.booleans())
def test_valid_json_means_what_it_means_to_python(
    value: object,
    blanks: list[str],
    in_ascii: bool,  # noqa: FBT001
) -> None:
    """Given any JSON, with blanks and comments in it, When it is read, Then nothing differs."""
    first, last = blanks[0], blanks[-1]
    text = json.dumps(
        value, ensure_ascii=in_ascii, separators=(f"{first},{last}", f"{last}:{first}")
    )

    read_back = value_of(tree(first + text + last))

    assert read_back == escaped_keys(value)


def escaped_keys(value: object) -> object:
    """Return ``value`` with keys as the tree has them: with escapes for what cannot be printed."""
    from experimentframework_core.config._problems.report import one_line

    if isinstance(value, dict):
        return {one_line(key): escaped_keys(each) for key, each in value.items()}
    return [escaped_keys(each) for each in value] if isinstance(value, list) else value


def test_every_key_and_value_knows_its_line_and_column() -> None:
    """Given JSON over several lines, When it is read, Then all stand where they are written."""
    root = tree('{\n  // why\n  "a": /* 1 */ [1,\r\n\t"é", {"b": 2}]\r}')

    assert isinstance(root, Mapping)
    (entry,) = root.entries
    assert isinstance(entry.value, Items)
    assert (root.place, entry.place, entry.value.place) == (
        (1, 1, "e.json"),
        (3, 3, "e.json"),
        (3, 16, "e.json"),
    )
    assert [item.place for item in entry.value.items] == [
        (3, 17, "e.json"),
        (4, 2, "e.json"),
        (4, 7, "e.json"),
    ]


def test_only_numbers_and_words_are_plain() -> None:
    """Given the text "5" and the number 5, When they are read, Then they stay apart."""
    root = tree('["5", 5, true, null, "null"]')

    assert isinstance(root, Items)
    scalars = [item for item in root.items if isinstance(item, Scalar)]
    assert [scalar.plain for scalar in scalars] == [False, True, True, True, False]
    assert [meaning(scalar) for scalar in scalars] == ["5", 5, True, None, "null"]


def test_comments_and_trailing_commas_are_passed_over() -> None:
    """Given what the original reads too, When it is read, Then only the content remains."""
    root = tree('// head\n{"a": [1, 2, /* c */], "b": {"c": 1,},} // tail')

    assert value_of(root) == {"a": [1, 2], "b": {"c": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: empty; expected a mapping with sections such as dataPlane"),
        ("// x", "1:1: empty; expected a mapping with sections such as dataPlane"),
        ('{"a": 1', "1:8: not JSON: unexpected end of the text; expected ',' or '}'"),
        ('{"a": ', "1:7: not JSON: unexpected end of the text; expected a value"),
        ('{"a" 1}', "1:6: not JSON: unexpected number; expected ':' after the key"),
        ("[1 2]", "1:4: not JSON: unexpected number; expected ',' or ']'"),
        ("[1,,2]", "1:4: not JSON: unexpected ','; expected a value; text stands in double quotes"),
        ("{,}", "1:2: not JSON: unexpected ','; expected a key in double quotes"),
        (
            "{a: 1}",
            "1:2: not JSON: unexpected text without quotes; expected a key in double quotes",
        ),
        ("{'a': 1}", "1:2: not JSON: unexpected single quote; expected a key in double quotes"),
        (
            '{"a": hunter2}',
            (
                "1:7: not JSON: unexpected text without quotes; expected a value; text"
                " stands in double quotes"
            ),
        ),
        ("[NaN]", "1:2: not JSON: unexpected NaN; expected a value; text stands in double quotes"),
        (
            "[-Infinity]",
            "1:2: not JSON: unexpected -Infinity; expected a value; text stands in double quotes",
        ),
        (
            "[True]",
            "1:2: not JSON: unexpected True; expected true",
        ),
        (
            "[01]",
            (
                "1:2: not JSON: unexpected malformed number; expected a value; text stands in"
                " double quotes"
            ),
        ),
        (
            "[+1]",
            (
                "1:2: not JSON: unexpected malformed number; expected a value; text stands in"
                " double quotes"
            ),
        ),
        ("{} {}", "1:4: not JSON: unexpected '{'; expected the end"),
        ('["a', "1:2: not JSON: text without its end '\"'"),
        ('["a\nb"]', "1:4: not JSON: line break or tab inside a text; write \\n or \\t"),
        ("[1, /* x", "1:5: not JSON: a comment without its end '*/'"),
        ("[1] / 2", "1:5: not JSON: unexpected '/'; expected the end"),
        ('{"a": "\\ud800"}', "1:7: a: half of a surrogate pair; expected a whole character"),
        ('{"a": {"b": 1, "b": 2}}', "1:16: a.b: duplicate key 'b'; first at line 1"),
        ("[" * 65, "1:65: nested too deep; expected at most 64 levels"),
        (
            f"[{'1,' * 20_000}]",
            "1:40000: too large; expected at most 20,000 keys, values and list items",
        ),
        (f'{{"{"k" * 257}": 1}}', "1:2: too long a key; expected at most 256 characters"),
    ],
)
def test_what_is_not_json_is_said_with_its_place(text: str, expected: str) -> None:
    """Given a broken text, When it is read, Then the one problem says where and what."""
    found = problems(text)

    assert found == [f"e.json:{expected}"]


def test_an_unknown_escape_is_said() -> None:
    (found,) = problems('{"a": "\\x41"}')

    assert "not JSON: unknown escape; after a backslash expected one of" in found


def test_both_halves_of_a_pair_are_one_character() -> None:
    assert value_of(tree('["\\ud83d\\ude00"]')) == ["\U0001f600"]


@settings(max_examples=300, derandomize=True)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), BITS), min_size=1, max_size=4))
def test_any_damage_ends_in_a_tree_or_a_problem(edits: list[tuple[float, int, str]]) -> None:
    """Given JSON with parts cut out and put in, When it is read, Then only problems are said."""
    text = GOOD
    for place, cut, bit in edits:
        start = int(place * len(text))
        text = text[:start] + bit + text[start + cut :]
    report = Report("e.json")

    node = read(text, report)

    assert node is not None or report.problems
    assert all(str(problem).isprintable() for problem in report.problems)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "/*" * 500_000,
        "/**/" * 250_000,
        "//x\n" * 250_000,
        '{"a":' * 200_000,
        f"[{'[],' * 300_000}]",
        "{" + '"a":1,' * 150_000 + "}",
        '"' + "\\" * 1_000_000,
        "1" * 1_000_000,
        '"' + "\\u0041" * 170_000 + '"',
        "".join(f'{{"{"k" * 250}":' for _ in range(60)) + f"[{'1,' * 15_000}",
    ],
    ids=lambda text: text[:8],
)
def test_the_worst_megabyte_is_read_or_refused_at_once(text: str) -> None:
    """Given 1 MiB made to take long, When it is read, Then that takes less than 200 ms."""
    durations: list[float] = []
    while len(durations) < 5 and min(durations, default=1) > 0.2:
        begun = time.process_time()
        read(text, Report("e.json"))
        durations.append(time.process_time() - begun)

    assert min(durations) < 0.2
