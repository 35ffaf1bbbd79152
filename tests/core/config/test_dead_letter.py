"""The section ``deadLetter``: files of their own types, or any backplane with its own options."""

from __future__ import annotations

import pytest

from experimentframework_core.config import (
    BackplaneOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    check,
)
from tests.core.config.sample_plugins import CourierOptions, find_plugin, load


def loaded(section: str) -> DeadLetterOptions:
    options = load(f"dataPlane:\n  deadLetter: {section}\n  backplane: {{type: plain}}\n")
    return options.dead_letter


@pytest.mark.parametrize("kind", ["sqlite", "file"])
def test_a_file_has_a_path(kind: str) -> None:
    """Given a type that is a file, When its path is said, Then it is there."""
    found = loaded(f"{{type: {kind}, options: {{path: ./letters}}}}")

    assert found == DeadLetterOptions(type=kind, options=DeadLetterStoreOptions(path="./letters"))


def test_a_backplane_has_its_own_options() -> None:
    """Given a backplane's type, When its options are said, Then they are of its own class."""
    found = loaded("{type: courier, options: {addresses: [a, b], lingerMs: 2s}}")

    assert found.options == CourierOptions(addresses=("a", "b"), linger_ms=2000)


def test_the_default_is_sqlite() -> None:
    """Given nothing said, When the section is looked at, Then it is a database of no name."""
    assert DataPlaneOptions().dead_letter == DeadLetterOptions(type="sqlite", options=None)


def test_a_backplane_may_have_its_own_dead_letters() -> None:
    """Given a backplane's node, When it says where its dead letters go, Then it is checked too."""
    text = (
        "dataPlane:\n"
        "  backplane:\n"
        "    type: plain\n"
        "    deadLetter: {type: courier, options: {addresses: a}}\n"
    )

    node = load(text).backplane

    assert node is not None
    assert node.dead_letter == DeadLetterOptions(
        type="courier", options=CourierOptions(addresses="a")
    )


@pytest.mark.parametrize(
    ("letters", "path", "message"),
    [
        (
            DeadLetterOptions(type="courier"),
            "dataPlane.deadLetter.options.addresses",
            "missing; expected a list or text",
        ),
        (
            DeadLetterOptions(type="courier", options=DeadLetterStoreOptions()),
            "dataPlane.deadLetter.options",
            "unexpected DeadLetterStoreOptions; expected a CourierOptions",
        ),
        (
            DeadLetterOptions(options=CourierOptions(addresses="a")),
            "dataPlane.deadLetter.options",
            "unexpected CourierOptions; expected a DeadLetterStoreOptions",
        ),
        (
            DeadLetterOptions(type="courier", options=CourierOptions(addresses="a", code="crash")),
            "dataPlane.deadLetter.type",
            "the plugin failed in its check: RuntimeError: a bug of the plugin",
        ),
    ],
)
def test_options_of_python_are_checked_alike(
    letters: DeadLetterOptions, path: str, message: str
) -> None:
    """Given options built in Python, When they do not fit the type, Then the problem says where."""
    made = DataPlaneOptions(backplane=BackplaneOptions(type="plain"), dead_letter=letters)

    (problem,) = check(made, find_plugin)

    assert (problem.path, problem.message) == (path, message)
