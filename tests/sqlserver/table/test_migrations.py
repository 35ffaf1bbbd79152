"""The migrations: their order, their batches, and that a released one is never edited."""

from __future__ import annotations

import pytest

from experimentframework_sqlserver._table.migrations import (
    Migration,
    batches_of,
    migrations,
    text_of,
)
from experimentframework_sqlserver._table.naming import Names

RELEASED = {
    "0001_initial": "d9f9e39d2d6fe5612f360800e2c55c9c64211b825dd8fb369b52eab53ab8b942",
}
"""What was released once stays as it is: databases have it, and know its checksum."""


def test_released_migrations_are_never_edited() -> None:
    """Given the migrations, When their checksums are made, Then they are those of the releases."""
    checksums = {str(each): each.checksum for each in migrations()}

    assert checksums == RELEASED


def test_they_are_numbered_without_a_gap() -> None:
    """Given the migrations, When they are listed, Then they count from 1 in order."""
    numbers = [each.number for each in migrations()]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    ("text", "batches"),
    [
        ("one\nGO\ntwo", ("one", "two")),
        ("one\n  go  \n\nGO\ntwo\nGO\n", ("one", "two")),
        ("SELECT N'GO'\nGOTO there\n-- GO on", ("SELECT N'GO'\nGOTO there\n-- GO on",)),
        ("  \n", ()),
    ],
)
def test_lines_that_say_go_end_a_batch(text: str, batches: tuple[str, ...]) -> None:
    """Given a text, When it is split, Then only lines that say nothing but GO divide it."""
    found = batches_of(text, Names("dbo", "t"))

    assert found == batches


def test_names_do_not_change_a_checksum() -> None:
    """Given a migration, When its batches are made for a table, Then its checksum stays."""
    migration = Migration(1, "one", "CREATE TABLE [$(Schema)].[$(Table)] (x INT)")
    before = migration.checksum

    (batch,) = migration.batches(Names("a", "b"))

    assert batch == "CREATE TABLE [a].[b] (x INT)"
    assert migration.checksum == before


def test_a_view_stands_alone_in_its_batch() -> None:
    """Given every batch that makes a view, When it is read, Then it begins with that.

    SQL Server takes CREATE VIEW only as the first statement of a batch.
    """
    batches = [batch for each in migrations() for batch in each.batches(Names("dbo", "t"))]
    views = [batch for batch in batches if "CREATE VIEW" in batch]

    bare = ["\n".join(line for line in view.splitlines() if line[:2] != "--") for view in views]

    assert len(bare) == 3
    assert all(view.startswith("CREATE VIEW") and view.count(";") == 1 for view in bare)


@pytest.mark.parametrize("file", ["history.sql", "upgrade_dotnet.sql", "fill_dotnet.sql"])
def test_names_stand_only_in_quotes(file: str) -> None:
    """Given a file of statements, When placeholders are looked for, Then all stand in quotes."""
    text = text_of(file)

    assert text.count("$(") == text.count("[$(") + text.count("_$(") + text.count("N'$(")
