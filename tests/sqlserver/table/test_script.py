"""The script: one transaction for each migration, whoever runs it."""

from __future__ import annotations

import re

import pytest

from experimentframework_sqlserver._table.lock import take_statement
from experimentframework_sqlserver._table.migrations import migrations
from experimentframework_sqlserver._table.naming import Names
from experimentframework_sqlserver._table.script import script, upgrade_script

NAMES = Names("shop", "Events")
NEWEST = len(migrations())


def batches(text: str) -> list[str]:
    """Return what sqlcmd sends at once."""
    return [part.strip() for part in re.split(r"(?m)^GO$", text) if part.strip()]


@pytest.mark.parametrize("idempotent", [False, True])
def test_each_migration_is_one_transaction(idempotent: bool) -> None:  # noqa: FBT001
    """Given a script, When it is split as sqlcmd does, Then each step is one whole transaction."""
    _, settings, *steps = batches(script(NAMES, idempotent=idempotent))

    assert settings.endswith("SET XACT_ABORT ON;")
    assert len(steps) == 1 + NEWEST
    for step in steps:
        assert step.count("BEGIN TRANSACTION;") == step.count("COMMIT TRANSACTION;") == 1
        assert step.endswith("COMMIT TRANSACTION;")


def test_every_step_checks_the_version_before_it() -> None:
    """Given a script, When a step is read, Then it stops unless the one before was applied."""
    *_, step = batches(script(NAMES))

    assert f"FROM [shop].[EventsMigrations]) <> {NEWEST - 1}\n    THROW 50000" in step


def test_an_idempotent_step_does_nothing_where_it_was_applied() -> None:
    """Given an idempotent script, When a step is read, Then all of it stands behind a condition."""
    *_, step = batches(script(NAMES, idempotent=True))

    before, _, inner = step.partition(f"FROM [shop].[EventsMigrations]) < {NEWEST}\nBEGIN\n")

    assert "EXEC (N'" not in before
    assert inner.endswith("END;\nCOMMIT TRANSACTION;")


def test_it_notes_what_it_applied() -> None:
    """Given a script, When its last step is read, Then the history gets its checksum."""
    first = migrations()[0]

    text = script(NAMES, end=1)

    assert f"VALUES (1, N'initial', N'{first.checksum}', N'" in text


def test_quotes_in_a_batch_are_doubled() -> None:
    """Given a batch with literals, When EXEC executes it, Then its quotes are doubled."""
    text = script(NAMES)

    literals = re.findall(r"EXEC \(N'((?:[^']|'')*)'\);", text)

    assert any("JSON_VALUE(PayloadJson, ''$.selectionReason'')" in each for each in literals)
    assert not any("$(" in each for each in literals)


def test_without_steps_there_is_nothing_but_the_settings() -> None:
    """Given the newest version on both ends, When a script is made, Then it has no step."""
    text = script(NAMES, start=NEWEST)

    assert "BEGIN TRANSACTION" not in text


@pytest.mark.parametrize(
    ("start", "end"), [(1, 0), (0, NEWEST + 1), (-1, None), (NEWEST + 1, None)]
)
def test_there_is_no_way_to_a_version_that_is_none(start: int, end: int | None) -> None:
    """Given versions that lead nowhere, When a script is made, Then it says which there are."""
    with pytest.raises(ValueError, match=f"the versions are 0 to {NEWEST}"):
        script(NAMES, start=start, end=end)


def test_a_script_waits_for_those_who_migrate_by_command() -> None:
    """Given a script and the command, When they lock, Then they lock the same."""
    of_command = re.findall(
        r"@Resource = (N'[^']+')", take_statement(NAMES, "migrate", milliseconds=1)
    )

    of_script = re.findall(r"@Resource = (N'[^']+')", script(NAMES) + upgrade_script(NAMES))

    assert set(of_script) == set(of_command)


def test_the_longest_names_fit_into_a_lock() -> None:
    """Given the longest names, When they are locked, Then the server's 255 characters suffice."""
    statement = take_statement(Names("s" * 128, "t" * 100), "migrate", milliseconds=1)

    (resource,) = re.findall("@Resource = N'([^']+)'", statement)

    assert len(resource) <= 255


def test_the_upgrade_makes_the_same_views_and_notes_the_first_version() -> None:
    """Given the script for a table of .NET, When it is read, Then it ends as version 1."""
    *_, step, fill = batches(upgrade_script(NAMES))

    assert step.count("CREATE VIEW") == 3
    assert f"VALUES (1, N'initial', N'{migrations()[0].checksum}', N'" in step
    assert "UPDATE [shop].[Events]" in fill
