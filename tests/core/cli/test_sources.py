"""Which backplane of a configuration a command reads."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.backplanes.sqlite import SqliteOptions
from experimentframework_core.cli._output import CommandError
from experimentframework_core.cli._sources import source_of
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import Selection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from experimentframework_core._reading.source import Source

LOGGING = {"type": "logging"}
MEMORY = {"type": "inMemory"}


def store(name: str | None = None) -> dict[str, object]:
    named = {} if name is None else {"name": name}
    return {"type": "sqlite", **named, "options": {"path": f"./{name}.db"}}


def group(kind: str, *members: object, **more: object) -> dict[str, object]:
    return {"type": kind, "backplanes": members, **more}


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[object], Path]:
    """Return a function that writes a configuration with this backplane."""

    def write(backplane: object) -> Path:
        path = tmp_path / "experiments.json"
        path.write_text(json.dumps({"dataPlane": {"backplane": backplane}}))
        return path

    return write


def test_the_only_readable_one_need_not_be_named(configured: Callable[[object], Path]) -> None:
    """Given one of three can be read, When none is named, Then it is that, with its options."""
    config = configured(group("composite", LOGGING, store(), MEMORY))

    found = source_of(config)

    assert (found.name, found.plugin.type) == ("sqlite", "sqlite")
    assert found.options == SqliteOptions(path="./None.db")


def test_one_inside_another_is_found_by_its_name(configured: Callable[[object], Path]) -> None:
    """Given a failover in a composite, When a member is named, Then it is found."""
    inner = group("failover", store("first"), store("second"), name="events")
    config = configured(group("composite", inner, LOGGING))

    found = source_of(config, "second")

    assert str(found) == "second (sqlite)"


@pytest.mark.parametrize(
    ("backplane", "name", "expected"),
    [
        (
            group("composite", LOGGING, MEMORY),
            None,
            (
                "{}: has no backplane to read; logging cannot be read back; inMemory keeps events"
                " only in the process that published them"
            ),
        ),
        (
            group("composite", store("one"), store("two"), LOGGING),
            None,
            (
                "{}: say with --backplane which one to read: one (sqlite) or two (sqlite); logging"
                " cannot be read back"
            ),
        ),
        (
            group("composite", store("one"), store("two"), LOGGING),
            "logging",
            "--backplane logging: logging cannot be read back; name one (sqlite) or two (sqlite)",
        ),
        (LOGGING, "logging", "--backplane logging: logging cannot be read back"),
        (
            group("composite", store("one"), LOGGING),
            "won",
            (
                "--backplane won: there is none; the configuration has one, logging; did you mean"
                " 'one'?"
            ),
        ),
        (
            group("failover", store("one"), store("two"), name="events"),
            "events",
            "--backplane events: is a failover; name one of its backplanes: one, two",
        ),
    ],
)
def test_what_can_be_named_is_said(
    configured: Callable[[object], Path], backplane: object, name: str | None, expected: str
) -> None:
    """Given nothing clear is meant, When a source is asked for, Then the choice is told."""
    config = configured(backplane)

    with pytest.raises(CommandError, match=f"^{re.escape(expected.format(config))}$") as caught:
        source_of(config, name)

    assert caught.value.exit_code == 2


def test_a_command_says_itself_what_it_cannot_use(configured: Callable[[object], Path]) -> None:
    """Given a command that counts stores only, When it asks for a source, Then others are none."""

    def why_not(source: Source) -> str | None:
        return None if source.plugin.type == "sqlite" else "cannot be counted"

    config = configured(LOGGING)

    with pytest.raises(CommandError, match=r"no backplane to count; logging cannot be counted$"):
        source_of(config, why_not=why_not, verb="count")


def test_what_has_no_reader_is_not_read(configured: Callable[[object], Path]) -> None:
    """Given a source that a command may use but not read, When it is read, Then it is an error."""
    source = source_of(configured(LOGGING), why_not=lambda _: None)

    with pytest.raises(ReplayError, match="logging cannot be read back"):
        source.read(Selection())
