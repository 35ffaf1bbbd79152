"""Which broken rules are told, and which places their messages name."""

from __future__ import annotations

from contextlib import chdir
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.config import read_configuration
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from pathlib import Path

BUS = "Endpoint=sb://a/;SharedAccessKeyName=b;SharedAccessKey=c"


def told(folder: Path, *texts: str) -> list[str]:
    """Return what is told of files ``0.yaml``, ``1.yaml`` …, without what overrides what."""
    names = [f"{number}.yaml" for number in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        (folder / name).write_text(text, "utf-8")
    with chdir(folder):
        problems = read_configuration(names, find_plugin).problems
    return [str(problem) for problem in problems if problem.severity != "information"]


def in_plane(text: str, node: str = "{type: inMemory}") -> str:
    """Return a data plane on one line, with its backplane behind ``text``."""
    return f"dataPlane: {{{text}, backplane: {node}}}\n"


def in_options(backplane_type: str, text: str) -> str:
    """Return the options of a backplane on one line."""
    return f"dataPlane: {{backplane: {{type: {backplane_type}, options: {{{text}}}}}}}\n"


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        (in_plane("maxQueueSize: 5"), in_plane("buffer: {maxEvents: 6}"), "maxEvents"),
        (in_plane("failureMode: drop"), in_plane("buffer: {whenFull: block}"), "whenFull"),
        (
            in_plane("ack: delivered", "{type: inMemory, require: all}"),
            in_plane("ack: delivered", "{type: inMemory}"),
            "type",
        ),
        (
            in_options("kafka", "brokers: a, lingerMs: 5"),
            in_options("kafka", "flushIntervalMs: 6"),
            "flushIntervalMs",
        ),
        (
            in_options("kafka", "brokers: a, acks: 1"),
            in_options("kafka", "enableIdempotence: true"),
            "enableIdempotence",
        ),
        (
            in_options("kafka", "brokers: a, topics: {exposure: b}"),
            in_options("kafka", "topic: c"),
            "topic",
        ),
        (
            in_options("kafka", "brokers: a, createTopics: {partitions: 2}"),
            in_options("kafka", "createTopics: {enabled: false}"),
            "enabled",
        ),
        (
            in_options("kafka", "brokers: a, security: {username: b}"),
            in_options("kafka", "security: {protocol: SSL}"),
            "protocol",
        ),
        (
            in_options("azureServiceBus", f"connectionString: {BUS}, topicName: a"),
            in_options("azureServiceBus", "queueName: b"),
            "queueName",
        ),
        (
            in_options("azureServiceBus", "fullyQualifiedNamespace: a.net, queueName: a"),
            in_options("azureServiceBus", f"connectionString: {BUS}"),
            "connectionString",
        ),
        (
            in_options(
                "azureServiceBus",
                f"connectionString: {BUS}, queueName: a, sessionStrategy: tenantId",
            ),
            in_options("azureServiceBus", "enableSessions: false"),
            "enableSessions",
        ),
        (
            in_options("sqlServer", "driver: a"),
            in_options("sqlServer", "connectionString: Server=a;Database=b;UID=c;PWD=d;Driver=e"),
            "connectionString",
        ),
    ],
)
def test_a_rule_between_files_names_both_places(
    first: str, later: str, expected: str, tmp_path: Path
) -> None:
    """Given two settings of one rule in two files, When told, Then the other's place is named."""
    column = later.rindex(f"{expected}:") + 1

    (problem,) = told(tmp_path, first, later)

    assert problem.startswith("0.yaml:1:")
    assert problem.endswith(f"; {expected} stands at 1.yaml:1:{column}")


def test_a_taken_name_in_another_file_is_told_with_its_place(tmp_path: Path) -> None:
    """Given a name that a member takes from its group's file, When told, Then both are named."""
    first = in_plane("ack: accepted", "{type: failover, name: a}")
    later = in_plane("ack: accepted", "{backplanes: [{type: inMemory, name: a}]}")

    (problem,) = told(tmp_path, first, later)

    assert problem.startswith("1.yaml:1:")
    assert problem.endswith("; name stands at 0.yaml:1:56")


@pytest.mark.parametrize("texts", [("5", "{maxEvents: 6}"), ("{maxEvents: 6}", "5")])
def test_a_contradiction_between_files_is_one_problem(
    texts: tuple[str, str], tmp_path: Path
) -> None:
    """Given a number here and a mapping there, When told, Then once, at the later place."""
    files = [in_plane(f"buffer: {text}") for text in texts]

    (problem,) = told(tmp_path, *files)

    assert problem.startswith("1.yaml:1:13: dataPlane.buffer: a ")
    assert " at 0.yaml:1:13; expected the same in both" in problem


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            in_options(
                "kafka",
                "brokers: a, security:"
                " {protocol: SASL_TLS, mechanism: PLAIN, username: u, password: p}",
            ),
            "security.protocol",
        ),
        (in_options("kafka", "brokers: a, acks: 1, enableIdempotence: nope"), "enableIdempotence"),
        (
            in_options(
                "azureServiceBus",
                f"connectionString: {BUS}, queueName: a, sessionStrategy: tenantId,"
                " enableSessions: ture",
            ),
            "enableSessions",
        ),
        (
            in_options("azureServiceBus", "fullyQualifiedNamespace: 5, queueName: a"),
            "fullyQualifiedNamespace",
        ),
        (
            in_options(
                "azureServiceBus",
                f"connectionString: {BUS}, queueName: a, sessionStrategy: tenantId,"
                " enableSesions: true",
            ),
            "enableSesions",
        ),
        (
            in_options("azureServiceBus", f"connectionString: {BUS}, queueNme: a"),
            "queueNme",
        ),
    ],
)
def test_a_check_is_not_told_of_defaults_that_stand_in_for_what_is_wrong(
    text: str, wrong: str, tmp_path: Path
) -> None:
    """Given one wrong option, When a check looked at its default instead, Then only it is told."""
    (problem,) = told(tmp_path, text)

    assert problem.startswith("0.yaml:1:")
    assert f": dataPlane.backplane.options.{wrong}: un" in problem


def test_dead_letters_are_held_to_the_same(tmp_path: Path) -> None:
    """Given a wrong option of a dead-letter backplane, When told, Then nothing that follows is."""
    options = "brokers: a, acks: 1, enableIdempotence: nope"
    text = in_plane(f"deadLetter: {{type: kafka, options: {{{options}}}}}")

    (problem,) = told(tmp_path, text)

    assert ": dataPlane.deadLetter.options.enableIdempotence: unexpected text" in problem


@pytest.mark.parametrize(
    ("section", "misspelt"),
    [
        ("buffer: {tpye: disk, path: b}", "buffer.tpye"),
        ("buffer: {type: disk, pth: b}", "buffer.pth"),
        ("retry: {maxDelayMs: 50, initalDelayMs: 5}", "retry.initalDelayMs"),
    ],
)
def test_a_key_that_may_be_the_misspelt_one_is_not_held_to_rules(
    section: str, misspelt: str, tmp_path: Path
) -> None:
    """Given a misspelt key, When a rule looks at the default of the right one, Then it is quiet."""
    (problem,) = told(tmp_path, in_plane(section))

    assert f": dataPlane.{misspelt}: unknown key" in problem


def test_a_key_that_is_quite_another_excuses_nothing(tmp_path: Path) -> None:
    """Given an unknown key that is near to no other, When told, Then rules are told as well."""
    said = told(tmp_path, in_plane("buffer: {type: disk, colour: red}"))

    assert [problem.split(": ")[1] for problem in said] == [
        "dataPlane.buffer.path",
        "dataPlane.buffer.colour",
    ]


def test_nothing_is_said_of_the_members_of_a_misspelt_group(tmp_path: Path) -> None:
    """Given a misspelt group, When told, Then groups are offered, and its list is not blamed."""
    node = "{type: composit, backplanes: [{type: inMemory}]}"

    (problem,) = told(tmp_path, in_plane("ack: accepted", node))

    assert problem.endswith("; always there: composite, failover; did you mean 'composite'?")
