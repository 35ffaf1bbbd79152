"""What a file may not say, with the exact words of each problem."""

from __future__ import annotations

import textwrap

import pytest

from tests.core.config.bad_lines import cases, problems
from tests.core.config.sample_plugins import load


@pytest.mark.parametrize(("line", "expected"), cases("plane"))
def test_a_bad_line_of_the_plane_is_said_exactly(line: str, expected: list[str]) -> None:
    """Given one bad line in dataPlane, When it is loaded, Then its problem says place and mend."""
    found = problems(f"dataPlane:\n  {line}\n  backplane: {{type: plain}}\n")

    assert found == expected


def test_both_spellings_at_once_are_a_problem() -> None:
    """Given the older and the newer spelling, When loaded, Then one must go."""
    found = problems(
        textwrap.dedent("""\
            dataPlane:
              maxQueueSize: 5
              failureMode: block
              buffer: {maxEvents: 5, whenFull: block}
              backplane: {type: plain}
            """)
    )

    assert found == [
        "e.yaml:2:3: dataPlane.maxQueueSize: says the same as buffer.maxEvents; leave one out",
        "e.yaml:3:3: dataPlane.failureMode: says the same as buffer.whenFull; leave one out",
    ]


@pytest.mark.parametrize(("node", "expected"), cases("backplane"))
def test_a_bad_backplane_is_said_exactly(node: str, expected: list[str]) -> None:
    """Given one bad backplane, When it is loaded, Then its problems say place and mend."""
    found = problems(f"dataPlane:\n  backplane: {node}\n")

    assert found == expected


@pytest.mark.parametrize(("line", "expected"), cases("options"))
def test_a_bad_option_of_a_plugin_is_said_exactly(line: str, expected: list[str]) -> None:
    """Given one bad option of a plugin, When it is loaded, Then its problem says place and mend."""
    head = "dataPlane:\n  backplane:\n    type: courier\n    options:\n      addresses: a\n"

    found = problems(f"{head}      {line}\n")

    assert found == expected


@pytest.mark.parametrize(("addresses", "expected"), cases("addresses"))
def test_a_union_says_what_it_would_take(addresses: str, expected: list[str]) -> None:
    """Given a field that takes a list or text, When it has neither, Then both are offered."""
    node = f"{{type: courier, options: {{addresses: {addresses}}}}}"

    found = problems(f"dataPlane:\n  backplane: {node}\n")

    assert found == expected


@pytest.mark.parametrize(("text", "expected"), cases("root"))
def test_a_bad_root_is_said_exactly(text: str, expected: list[str]) -> None:
    """Given a root without a data plane, When it is loaded, Then the problem says what belongs."""
    found = problems(text)

    assert found == expected


def test_all_problems_are_said_at_once_in_the_order_of_the_file() -> None:
    """Given problems of every kind in one file, When it is loaded, Then all come, in order."""
    found = problems(
        textwrap.dedent("""\
            experimentFramework:
              governance: {polices: []}
              dataPlane:
                batchSize: 0
                batchSize: 5
                buffer: {maxBytes: 1MiB, sise: 3}
                retry: {initialDelayMs: 1h}
                backplane:
                  type: courier
                  name: ${NOT_SET_AT_ALL}
                  options:
                    addresses: [a, b]
                    partitionBy: experimentkey2
                    routes: {north: x}
            """)
    )

    assert [line.split(" ")[0] for line in found] == [
        "e.yaml:2:16:",
        "e.yaml:4:5:",
        "e.yaml:5:5:",
        "e.yaml:6:30:",
        "e.yaml:7:13:",
        "e.yaml:10:13:",
        "e.yaml:13:9:",
        "e.yaml:14:18:",
    ]


def test_an_order_by_subject_needs_a_hash_key_when_subjects_are_redacted() -> None:
    """Given a backplane ordered by subject, When subjects are redacted, Then pseudonyms must be."""
    text = textwrap.dedent("""\
        dataPlane:
          piiRedaction: {redactSubjectIds: true}
          backplane: {type: courier, options: {addresses: a, partitionBy: subjectId}}
        """)

    found = problems(text)
    by_experiment = load(text.replace("subjectId}", "experimentKey}"))
    with_a_key = load(text.replace("true}", "true, hashKey: k}"))

    assert found == [
        (
            "e.yaml:2:3: dataPlane.piiRedaction.hashKey: missing; backplane 'courier' keeps"
            " events in order by subject, and redactSubjectIds would make all subjects one"
        )
    ]
    assert by_experiment.pii_redaction.redact_subject_ids
    assert with_a_key.pii_redaction.hash_key is not None
