"""What is put in place of ``${…}``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.config import data_plane_of, load_file, read_configuration
from experimentframework_core.config._problems.report import Report, shown
from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import CourierOptions, find_plugin, load

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.config import DataPlaneOptions, Problem


def plane(line: str, name: str = "e.yaml") -> DataPlaneOptions:
    return load(f"dataPlane:\n  {line}\n  backplane: {{type: plain}}\n", name)


def courier(*fields: str) -> CourierOptions:
    lines = ["dataPlane:", "  backplane:", "    type: courier", "    options:"]
    backplane = load("\n".join([*lines, *(f"      {field}" for field in fields)])).backplane
    assert backplane is not None
    assert isinstance(backplane.options, CourierOptions)
    return backplane.options


def problems(line: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        plane(line)
    return caught.value.problems


def test_a_variable_gives_a_number_where_it_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a number in the environment, When a plain value names it, Then it is a number."""
    monkeypatch.setenv("SIZE", "7")

    options = plane("batchSize: ${SIZE}")

    assert options.batch_size == 7


def test_a_variable_in_quotes_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a number in the environment, When a quoted value names it, Then it is not one."""
    monkeypatch.setenv("SIZE", "7")

    found = problems("batchSize: '${SIZE}'")

    assert [str(problem) for problem in found] == [
        (
            "e.yaml:2:3: dataPlane.batchSize: unexpected value of '${SIZE}'; expected a"
            " whole number, at least 1"
        )
    ]


def test_a_variable_in_json_may_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given JSON, where all text is quoted, When a value names a number, Then it is a number."""
    monkeypatch.setenv("SIZE", "7")

    options = load(
        '{"dataPlane": {"batchSize": "${SIZE}", "backplane": {"type": "plain"}}}', "e.json"
    )

    assert options.batch_size == 7


@pytest.mark.parametrize("value", ["0123", "null", "true", "1e5", "a: b", "#x", "'q'", "${HOME}"])
def test_text_from_a_variable_is_never_changed(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given any text in the environment, When text or a secret names it, Then it is that text."""
    monkeypatch.setenv("ODD", value)

    options = courier("addresses: ${ODD}", "login:", "  userName: ${ODD}", "  password: '${ODD}'")

    assert options.addresses == value
    assert options.login is not None
    assert options.login.password is not None
    assert (options.login.user_name, options.login.password.reveal()) == (value, value)


def test_an_unset_or_empty_variable_gives_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a variable unset, then empty, When it has a default, Then the default holds."""
    monkeypatch.delenv("SIZE", raising=False)
    unset = plane("batchSize: ${SIZE:-3}")
    monkeypatch.setenv("SIZE", "")
    empty = plane("batchSize: ${SIZE:-3}")

    assert (unset.batch_size, empty.batch_size) == (3, 3)


def test_an_expression_may_be_part_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "broker")

    options = courier("addresses: tcp://${HOST}:${PORT:-9}")

    assert options.addresses == "tcp://broker:9"


def test_an_escape_stands_for_itself() -> None:
    options = courier("addresses: a$${HOST}b")

    assert options.addresses == "a${HOST}b"


def test_a_file_gives_its_text_without_the_last_line_break(tmp_path: Path) -> None:
    """Given a file as containers mount them, When a secret names it, Then it has its text."""
    file = tmp_path / "key"
    file.write_text("top secret\n")

    options = plane(f"piiRedaction: {{hashKey: '${{file:{file}}}'}}")

    assert options.pii_redaction.hash_key is not None
    assert options.pii_redaction.hash_key.reveal() == "top secret"


def test_keys_are_left_as_they_are() -> None:
    """Given an expression as a key, When it is read, Then it is just an unknown key."""
    found = problems("${HOME}: 1")

    assert found[0].path == "dataPlane.${HOME}"
    assert found[0].message.startswith("unknown key '${HOME}'")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "${NOT_SET_AT_ALL}",
            (
                "the environment variable NOT_SET_AT_ALL is not set; set it, or write a default"
                " as in ${NOT_SET_AT_ALL:-default}"
            ),
        ),
        (
            "${no-name}",
            (
                "malformed expression; expected ${NAME}, ${NAME:-default} or"
                " ${file:/path}; write $${ for a plain ${"
            ),
        ),
        (
            "${SIZE:-${OTHER}}",
            "nested expressions are not supported; write one ${…} after the other",
        ),
        (
            "${open",
            (
                "malformed expression; expected ${NAME}, ${NAME:-default} or"
                " ${file:/path}; write $${ for a plain ${"
            ),
        ),
        (
            "${file:/no/such/file}",
            "the file '/no/such/file' cannot be read: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_put_in_is_one_problem_at_its_place(value: str, message: str) -> None:
    """Given an expression without a value, When it is read, Then only that is said."""
    found = problems(f'batchSize: "{value}"')

    assert [str(problem) for problem in found] == [f"e.yaml:2:14: dataPlane.batchSize: {message}"]


def test_an_expression_that_brackets_cut_is_explained() -> None:
    """Given a plain expression in brackets, which YAML cannot read, Then quotes are advised."""
    found = problems("piiRedaction: {hashKey: ${KEY}}")

    assert [str(problem) for problem in found] == [
        (
            "e.yaml:2:28: not YAML: while parsing a flow mapping from line 2, expected ','"
            " or '}', but got '{'; inside [ ] and { } put ${…} in quotes"
        )
    ]


def test_a_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xff")

    found = problems(f"piiRedaction: {{hashKey: '${{file:{file}}}'}}")

    assert found[0].message == f"the file '{file}' is not UTF-8 text" or "…" in found[0].message


def test_a_value_from_outside_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a secret in the wrong place, When it is refused, Then no problem shows it."""
    monkeypatch.setenv("KEY", "hunter2")

    found = [
        *problems("batchSize: ${KEY}"),
        *problems("flushIntervalMs: ${KEY}"),
        *problems("ack: ${KEY}"),
        *problems("retry: ${KEY}"),
        *problems("retry: hunter2"),
        *problems("piiRedaction: {hashKey: [hunter2]}"),
        *problems("piiRedaction: {hashKey: 22, redactFields: '${KEY}'}"),
    ]

    assert len(found) == 8
    assert not any("hunter2" in str(problem) for problem in found)


def test_no_rule_shows_a_value_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a secret where a name belongs, When a rule refuses it, Then it shows the expression."""
    monkeypatch.setenv("KEY", "hunter2")
    lines = [
        "experimentFramework:",
        "  dataPlane:",
        "    deadLetter: {type: '${KEY}'}",
        "    piiRedaction: {redactFields: ['${FIELD:-subjectId}']}",
        "    backplane:",
        "      type: composite",
        "      backplanes:",
        "        - {type: plain, name: '${KEY}'}",
        "        - {type: plain, name: '${KEY}', events: ['${KEY}', '${KEY}s']}",
        "        - {type: plain, name: '${KEY}'}",
    ]

    with pytest.raises(ConfigurationError) as caught:
        load("\n".join(lines))

    said = [problem.message for problem in caught.value.problems]
    assert not any("hunter2" in message for message in said)
    assert [message.split(";")[0] for message in said] == [
        "no type '${KEY}'",
        "'${FIELD:-subjectId}' has a setting of its own",
        "the name '${KEY}' is taken by dataPlane.backplane.backplanes[0]",
        "no event type '${KEY}' is registered here",
        "no event type '${KEY}s' is registered here",
        "the name '${KEY}' is taken by dataPlane.backplane.backplanes[0]",
    ]


def test_a_value_from_outside_is_hidden_however_a_message_writes_it() -> None:
    """Given long, odd and short values, When a message has them, Then they are replaced."""
    report = Report()
    for path, value in (("a", "x" * 99), ("b", "l1\nl2"), ("c", "is"), ("d.e", "secret")):
        report.hide(path, value, "${V}")

    report.add("a", None, f"unknown {shown('x' * 99)}")
    report.add("b", None, "it is l1\nl2")
    report.add("c", None, "'is' is unknown")
    report.add("d", None, "ValueError: secret, not secrets")

    assert [problem.message for problem in report.problems] == [
        "unknown '${V}'",
        "it is ${V}",
        "'${V}' is unknown",
        "ValueError: ${V}, not secrets",
    ]


@pytest.mark.parametrize("written", ["${ODD}", "'a ${ODD} b'", "${ODD:-good}"])
def test_a_variable_that_is_not_utf_8_is_a_problem_at_its_place(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given bytes that are no UTF-8 in a variable, When it is named, Then that is told of it."""
    monkeypatch.setenv("ODD", "a\udcffb")

    found = problems(f"samplingSalt: {written}")

    assert [str(problem) for problem in found] == [
        "e.yaml:2:17: dataPlane.samplingSalt: the environment variable ODD is not UTF-8 text"
    ]


def test_a_file_is_looked_for_beside_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a relative path in a file elsewhere, When it is loaded, Then it is relative to that."""
    (tmp_path / "app").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "app" / "salt.txt").write_text("beside\n")
    (tmp_path / "here" / "salt.txt").write_text("of the process")
    file = tmp_path / "app" / "e.yaml"
    said = "dataPlane: {backplane: {type: plain}, samplingSalt: '${file:salt.txt}'}"
    file.write_text(said)

    of_file = data_plane_of(load_file(file, find_plugin), "")
    of_text = load(said)

    assert of_file.sampling_salt == "beside"
    assert of_text.sampling_salt == "of the process"


def test_a_file_that_is_not_there_is_told_with_its_folder(tmp_path: Path) -> None:
    """Given a relative path to no file, When it is loaded, Then the problem says where."""
    file = tmp_path / "e.yaml"
    file.write_text("dataPlane: {backplane: {type: plain}, samplingSalt: '${file:no}'}")

    found = read_configuration(file, find_plugin).problems

    assert shown(str(tmp_path / "no")) in found[0].message


@pytest.mark.parametrize("relative", [True, False])
def test_a_file_without_an_end_is_refused_at_once(tmp_path: Path, *, relative: bool) -> None:
    """Given a pipe that nobody writes to, When it is named, Then it is a problem and no wait."""
    os.mkfifo(tmp_path / "p")
    file = tmp_path / "e.yaml"
    name = "p" if relative else tmp_path / "p"
    file.write_text(f"dataPlane: {{backplane: {{type: plain}}, samplingSalt: '${{file:{name}}}'}}")

    found = read_configuration(file, find_plugin).problems

    assert [each.message for each in found] == [
        f"the file {shown(str(tmp_path / 'p'))} cannot be read: not a regular file"
    ]
