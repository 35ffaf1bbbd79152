"""From text to a tree with places, and what no text may do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from experimentframework_core.config._problems.report import Report
from experimentframework_core.config._text.source import read
from experimentframework_core.config._tree import Items, Mapping, Node, Scalar


def tree(text: str | bytes) -> Node:
    report = Report("e.yaml")
    node = read(text, report)
    assert node is not None, report.problems
    assert not report.problems
    return node


def problems(text: str | bytes) -> list[str]:
    report = Report("e.yaml")
    read(text, report)
    return [str(problem) for problem in report.in_order()]


def test_every_key_and_value_knows_its_line_and_column() -> None:
    """Given a nested text, When it is read, Then keys and values stand where they are written."""
    root = tree("a:\n  b: [1, two]\n")

    assert isinstance(root, Mapping)
    outer = root.entries[0]
    assert isinstance(outer.value, Mapping)
    inner = outer.value.entries[0]
    assert isinstance(inner.value, Items)
    assert (outer.place, inner.place) == ((1, 1, "e.yaml"), (2, 3, "e.yaml"))
    assert [item.place for item in inner.value.items] == [(2, 7, "e.yaml"), (2, 10, "e.yaml")]


def test_quoted_text_is_told_from_plain_text() -> None:
    """Given quoted, block and plain scalars, When they are read, Then only one is plain."""
    root = tree("- a\n- 'b'\n- \"c\"\n- |\n  d\n")

    assert isinstance(root, Items)
    assert [item.plain for item in root.items if isinstance(item, Scalar)] == [True, *[False] * 3]


def test_json_with_tabs_is_read() -> None:
    """Given JSON indented with tabs, When it is read, Then its content is that of JSON."""
    text = json.dumps({"a": ["\U0001f600/\u00e9", {"b": 1}]}, indent="\t").replace("/", "\\/")

    root = tree(text)

    assert isinstance(root, Mapping)
    items = root.get("a")
    assert isinstance(items, Items)
    assert isinstance(items.items[0], Scalar)
    assert items.items[0].value == "\U0001f600/\u00e9"


def test_an_alias_repeats_its_anchor() -> None:
    """Given an anchor, When an alias names it, Then it stands for the same content."""
    root = tree("a: &x [1]\nb: *x\n")

    assert isinstance(root, Mapping)
    assert root.get("a") == root.get("b")


def test_a_byte_order_mark_is_no_content() -> None:
    root = tree(b"\xef\xbb\xbfa: 1\n")

    assert isinstance(root, Mapping)
    assert (root.entries[0].key, root.entries[0].place) == ("a", (1, 1, "e.yaml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "e.yaml:1:1: empty; expected a mapping with sections such as dataPlane"),
        ("# only this\n", "e.yaml:1:1: empty; expected a mapping with sections such as dataPlane"),
        (b"a: \xff", "e.yaml:1:4: not UTF-8 at byte offset 3; expected UTF-8 text"),
        ("é: \x07", "e.yaml:1:4: character U+0007 at byte offset 4; expected printable text"),
        ("a: \ud800", "e.yaml:1:4: character U+D800 at byte offset 3; expected printable text"),
        ('a: "\\ud800"', "e.yaml:1:4: a: half of a surrogate pair; expected a whole character"),
        (
            "a: [1\nb: 2",
            (
                "e.yaml:2:2: not YAML: while parsing a flow sequence from line 1, expected ','"
                " or ']', but got ':'"
            ),
        ),
        (
            "a: 'b\n",
            (
                "e.yaml:2:1: not YAML: while scanning a quoted scalar from line 1, found unexpected"
                " end of stream"
            ),
        ),
        (
            "a:\n\tb: 1",
            (
                "e.yaml:2:1: not YAML: while scanning for the next token, found character '\\t'"
                " that cannot start any token; indent with spaces, not with tabs"
            ),
        ),
        ("a: 1\nb: 2\na: 3\n", "e.yaml:3:1: a: duplicate key 'a'; first at line 1"),
        ("a: {b: 1, b: 2}", "e.yaml:1:11: a.b: duplicate key 'b'; first at line 1"),
        (
            "a: !mine 1",
            (
                "e.yaml:1:4: a: a tag is not supported; leave it out, or put text that begins with"
                " ! in quotes"
            ),
        ),
        (
            'a: "${A:-C:\\x}"',
            (
                "e.yaml:1:14: not YAML: while scanning a double-quoted scalar from line 1, expected"
                " escape sequence of 2 hexdecimal numbers, but found '}'; a backslash in double"
                " quotes begins an escape: put the text in single quotes"
            ),
        ),
        (
            'a: "C:\\dir"',
            (
                "e.yaml:1:8: not YAML: while scanning a double-quoted scalar from line 1, found"
                " unknown escape character 'd'; a backslash in double quotes begins an escape: put"
                " the text in single quotes"
            ),
        ),
        (
            "<<: {a: 1}",
            "e.yaml:1:1: merge key '<<' is not part of YAML 1.2; repeat the keys",
        ),
        ("? [a]\n: 1", "e.yaml:1:3: a key must be text"),
        (
            "a: *b",
            (
                "e.yaml:1:4: alias without its anchor above; write the anchor before what it"
                " repeats, or put text that begins with * in quotes"
            ),
        ),
        ("a: &b [*b]", "e.yaml:1:8: alias inside what it repeats; nothing can hold itself"),
        (
            "--- 1\n--- 2\n",
            "e.yaml:2:1: second document; expected one, so leave '---' out or split the file",
        ),
        ("%YAML 1.1\n---\na: 1", "e.yaml:1:1: YAML 1.1 is not supported; expected YAML 1.2"),
    ],
)
def test_what_is_not_a_document_is_said_with_its_place(text: str | bytes, expected: str) -> None:
    """Given a broken text, When it is read, Then the one problem says where and what."""
    found = problems(text)

    assert found == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n" * 300_000, "too large; expected at most 1 MiB"),
        ("a: |\n" + " x\n" * 25_001, "too large; expected at most 25,000 lines"),
        ("- x\n" * 20_001, "too large; expected at most 20,000 keys, values and list items"),
        (f"[{'1,' * 20_001}1]", "too large; expected at most 20,000 keys, values and list items"),
        ("[" * 5000, "nested too deep; expected at most 64 levels"),
        ("{a: " * 5000, "nested too deep; expected at most 64 levels"),
        ("- " * 5000, "nested too deep; expected at most 64 levels"),
    ],
)
def test_what_is_too_large_or_deep_is_refused(text: str, expected: str) -> None:
    """Given an oversized text, When it is read, Then it is refused with the limit."""
    found = problems(text)

    assert len(found) == 1
    assert found[0].endswith(expected)


@pytest.mark.parametrize("odd", ["-", "- ", " ", "\t", "a", "#", "'", "a-", "${", ":", "%"])
def test_a_long_run_of_one_thing_is_read_in_linear_time(odd: str) -> None:
    """Given 100,000 times the same, When it is read, Then the reading ends: in tree or problem."""
    report = Report("e.yaml")

    node = read(odd * 100_000, report)

    assert (node is None) == bool(report.problems)


def test_what_only_a_scan_can_count_is_counted_while_scanning() -> None:
    """Given many nodes that look like few, When they are scanned, Then the limit holds."""
    found = problems("a: &a [" + "x, " * 200 + "]\nb: [" + "*a, " * 200 + "]\n")

    assert found == ["e.yaml:2:397: too large; expected at most 20,000 keys, values and list items"]


def test_aliases_cannot_nest_deeper_than_brackets() -> None:
    """Given a chain of aliases, When it is read, Then its true depth is counted."""
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 70))

    found = problems(chain)

    assert found == ["e.yaml:63:12: nested too deep; expected at most 64 levels"]


def test_the_configuration_does_not_import_the_yaml_library_until_a_file_is_read() -> None:
    """Given a fresh interpreter, When the package is imported, Then ruamel.yaml is not."""
    code = (
        "import sys, experimentframework_core.config\n"
        "print(any(name.startswith('ruamel') for name in sys.modules))"
    )

    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert said.stdout.strip() == "False"
