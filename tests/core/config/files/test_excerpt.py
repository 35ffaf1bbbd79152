"""The source line of a problem, and what it may not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.config import Excerpt, read_configuration
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2"


def excerpts(tmp_path: Path, text: str, name: str = "e.yaml") -> list[tuple[str, str]]:
    """Return each problem's line, and the same cut at the caret."""
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    loaded = read_configuration(file, find_plugin)
    found = [loaded.excerpts.of(problem) for problem in loaded.problems]
    return [(each.text, each.text[each.caret :]) for each in found if each is not None]


def test_a_line_is_shown_from_its_key_on(tmp_path: Path) -> None:
    """Given a wrong value, When its line is asked for, Then the caret stands at the key."""
    found = excerpts(tmp_path, "dataPlane:\n  batchSize: 0\n  backplane: {type: plain}\n")

    assert found == [("  batchSize: 0", "batchSize: 0")]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("piiRedaction: {hashKey: hunter2, redactSubjectIds: 1}",
         "piiRedaction: {hashKey: ***, redactSubjectIds: 1}"),
        ('piiRedaction: {"hashKey": "hunter2", \'redactSubjectIds\': 1}',
         'piiRedaction: {"hashKey": ***, \'redactSubjectIds\': 1}'),
        ("piiRedaction: {hashKey: hunter2 , redactSubjectIds: 1}",
         "piiRedaction: {hashKey: *** , redactSubjectIds: 1}"),
        ("piiRedaction: {hashKey: '${KEY}', redactSubjectIds: 1}",
         "piiRedaction: {hashKey: '${KEY}', redactSubjectIds: 1}"),
        ("piiRedaction: {hashKey: '${KEY:-hunter2}', redactSubjectIds: 1}",
         "piiRedaction: {hashKey: ***, redactSubjectIds: 1}"),
        ("piiRedaction: {hashKey: 'hunter2${KEY}', redactSubjectIds: 1}",
         "piiRedaction: {hashKey: ***, redactSubjectIds: 1}"),
        ("piiRedaction: {passwrd: hunter2}", "piiRedaction: {passwrd: ***}"),
        ("piiRedaction: {hashKey: abc,hunter2}", "piiRedaction: {hashKey: ***,***}"),
        ("batchSize: 0 # hunter2", "batchSize: 0"),
        ("batchSize: {hunter2x: hunter2}", "batchSize: {hunter2x: ***}"),
        ("batchSize: &a 0", "batchSize: ***"),
        ("retry: [hunter2]", "retry: [***]"),
        ("retry: hunter2", "retry: ***"),
        ("samplingRate: ${RATE:-5}", "samplingRate: ${RATE:-5}"),
        ("samplingRate: ${MISSING}", "samplingRate: ${MISSING}"),
        ("samplingRate: ${hunter2 hunter2}", "samplingRate: ***}"),
        ("piiRedaction: {hashKey: a, redactTenantIds: true, hashKey: hunter2}",
         "piiRedaction: {hashKey: ***, redactTenantIds: true, ***}"),
        ("piiRedaction: hunter2\n  piiRedaction: hunter2", "piiRedaction: ***"),
    ],
)  # fmt: skip
def test_what_may_be_a_secret_is_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, shown: str
) -> None:
    """Given a line with a literal secret, When it is shown, Then the secret is not."""
    monkeypatch.setenv("KEY", SECRET)

    found = excerpts(tmp_path, f"dataPlane:\n  {line}\n  backplane: {{type: plain}}\n")

    assert found[0][0] == f"  {shown}"


def test_values_of_free_mappings_are_masked(tmp_path: Path) -> None:
    """Given keys that the options do not know, When their line is shown, Then no value is."""
    found = excerpts(
        tmp_path,
        "dataPlane:\n  backplane:\n    type: courier\n    options:\n      addresses: a\n"
        "      extra: {password: hunter2}\n"
        "      login: {userName: me, password: hunter2, x: hunter2}\n"
        "      routes: {north: hunter2, south: hunter2}\n",
    )

    assert [text for text, _ in found] == [
        "      login: {userName: me, password: ***, x: ***}",
        "      routes: {north: ***, south: ***}",
    ]


def test_a_rule_of_the_plugin_shows_its_line(tmp_path: Path) -> None:
    found = excerpts(
        tmp_path,
        "dataPlane:\n  backplane:\n    type: courier\n"
        "    options: {addresses: a, routes: {north: hunter2}}\n",
    )

    assert found == [("    options: {addresses: ***, routes: {north: ***}}", "north: ***}}")]


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("a: 1\npassword: 'hunter2", "e.yaml", None),
        ("a: [hunter2\npassword: hunter2: hunter2\n", "e.yaml", "password: ***"),
        ("a:\n\thunter2", "e.yaml", "\t***"),
        ('{"password": hunter2}', "e.json", '{"password": ***'),
        ('{"password": "hunter2', "e.json", '{"password": ***'),
        ('["hunter2" "hunter2"]', "e.json", "[***"),
    ],
)
def test_a_file_that_cannot_be_read_shows_no_value(
    tmp_path: Path, text: str, name: str, shown: str | None
) -> None:
    """Given broken syntax, When its line is shown, Then at most the first key is."""
    found = excerpts(tmp_path, text, name)

    assert SECRET not in str(found)
    if shown is not None:
        assert found[0][0] == shown


def test_the_end_of_a_text_of_several_lines_is_masked(tmp_path: Path) -> None:
    found = excerpts(
        tmp_path,
        'dataPlane:\n  piiRedaction: {hashKey: "one\n    hunter2", redactTenantIds: 5}\n'
        "  backplane: {type: plain}\n",
    )

    assert found == [("    *** redactTenantIds: 5}", "redactTenantIds: 5}")]


def test_of_a_long_line_the_part_around_the_caret_is_shown(tmp_path: Path) -> None:
    """Given JSON in one line, When a problem far inside is shown, Then it is cut on both sides."""
    backplane = '{"type": "plain", "events": ["exposure"], "batchSize": 500}'
    text = f'{{"dataPlane": {{"backplane": {backplane}, "batchSze": 0, "ack": "accepted"'
    text += ', "samplingRate": 1.0, "batchBytes": 1000, "flushIntervalMs": 1000}}'

    ((shown, from_caret),) = excerpts(tmp_path, text, "e.json")

    assert shown.startswith("… ")
    assert shown.endswith("…")
    assert from_caret.startswith('"batchSze": ***, "ack": "accepted"')


def test_a_problem_without_a_place_has_no_line(tmp_path: Path) -> None:
    loaded = read_configuration(tmp_path / "gone.yaml", find_plugin)

    (problem,) = loaded.problems

    assert loaded.excerpts.of(problem) is None


@given(
    st.lists(
        st.sampled_from([
            "hunter2", "'hunter2'", '"hunter2"', "{", "}", "[", "]", ",", ": ", "\n", " ", "  ",
            "hashKey: ", "dataPlane: ", "piiRedaction: ", "password: ", "#", "&a ", "*a", "|\n",
            "? ", "- ",
            "batchSize: ", "backplane: ", "type: plain", "options: ", "extra: ", "login: ", "\\",
        ]),
        max_size=25,
    ),
    st.sampled_from(["e.yaml", "e.json"]),
)  # fmt: skip
def test_no_arrangement_of_a_secret_is_ever_shown(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], name: str
) -> None:
    """Given a secret as a value anywhere, When all lines are shown, Then it is only a key there."""
    text = f"dataPlane:\n  piiRedaction:\n    hashKey: {''.join(parts)}"

    found = excerpts(tmp_path_factory.mktemp("any"), text, name)

    assert all(isinstance(text, str) for text, _ in found)
    assert not any("hashKey: hunter2" in text or "password: hunter2" in text for text, _ in found)


def test_an_excerpt_is_a_text_and_a_caret() -> None:
    assert Excerpt("a: 1", 0)._asdict() == {"text": "a: 1", "caret": 0}


@pytest.mark.parametrize(
    "line",
    [
        f"batchSize: {'9' * 1_000_000}",
        f"ack: {'x' * 100_000}",
        f"{' ' * 500_000}batchSize: x",
        f"piiRedaction: {{redactFields: [{'e' * 1_000_000}, 7]}}",
    ],
)
def test_a_long_line_is_cut_around_the_caret(line: str, tmp_path: Path) -> None:
    """Given a line of any length, When it is shown, Then it fits, and the caret is within."""
    found = excerpts(tmp_path, f"dataPlane:\n  {line}\n  backplane: {{type: plain}}\n")

    assert found
    for text, at_caret in found:
        assert len(text) <= 182
        assert at_caret


def test_a_cut_line_shows_what_stands_at_the_caret(tmp_path: Path) -> None:
    """Given a long value, When its line is shown, Then its beginning is, and where it is cut."""
    found = excerpts(tmp_path, f"dataPlane:\n  ack: {'x' * 1000}\n  backplane: {{type: plain}}\n")

    assert found == [(f"  ack: {'x' * 85}…", f"ack: {'x' * 85}…")]
