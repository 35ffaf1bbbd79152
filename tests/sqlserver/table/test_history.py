"""What follows from what a database says about the table."""

from __future__ import annotations

import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_sqlserver._table.history import (
    DOTNET_COLUMNS,
    OUR_COLUMNS,
    Applied,
    Found,
    pending,
)
from experimentframework_sqlserver._table.migrations import Migration
from experimentframework_sqlserver._table.naming import Names

KNOWN = (Migration(1, "one", "1"), Migration(2, "two", "2"), Migration(3, "three", "3"))
NAMES = Names("shop", "Events")
COLUMNS = frozenset({"id", "eventid"})


def applied(*numbers: int) -> tuple[Applied, ...]:
    """Return the history after these migrations."""
    return tuple(
        Applied(each.number, each.name, each.checksum, "2026-03-01 12:00:00", "0.1.0")
        for each in KNOWN
        if each.number in numbers
    )


@pytest.mark.parametrize("done", [(), (1,), (1, 2), (1, 2, 3)])
def test_what_is_not_in_the_history_is_pending(done: tuple[int, ...]) -> None:
    """Given a history, When the rest is asked for, Then it is what comes behind it."""
    found = Found(COLUMNS if done else frozenset(), applied(*done))

    steps = pending(found, NAMES, KNOWN)

    assert found.version == len(done)
    assert steps == KNOWN[len(done) :]


def test_an_edited_migration_is_refused() -> None:
    """Given a checksum that is another, When the rest is asked for, Then it says whose."""
    edited = (KNOWN[0], KNOWN[1]._replace(text="other"), KNOWN[2])

    with pytest.raises(UnavailableError) as raised:
        pending(Found(COLUMNS, applied(1, 2)), NAMES, edited)

    assert "cannot migrate the table shop.Events: its history has 0002_two" in str(raised.value)
    assert "another text than 0002_two of this version" in str(raised.value)


def test_a_newer_history_is_refused() -> None:
    """Given a migration that is not known, When the rest is asked for, Then it says: upgrade."""
    with pytest.raises(UnavailableError, match=r"has 0003_three .* up to 0002; upgrade"):
        pending(Found(COLUMNS, applied(1, 2, 3)), NAMES, KNOWN[:2])


def test_a_history_with_a_gap_is_refused() -> None:
    """Given a history without its first row, When the rest is asked for, Then it says which."""
    with pytest.raises(UnavailableError, match="its history lacks 0001_one, and has 0002_two"):
        pending(Found(COLUMNS, applied(2)), NAMES, KNOWN)


def test_a_history_without_its_table_is_refused() -> None:
    """Given a history and no table, When the rest is asked for, Then it says what to drop."""
    with pytest.raises(UnavailableError, match=r"drop the table shop\.EventsMigrations too"):
        pending(Found(frozenset(), applied(1)), NAMES, KNOWN)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (Found(), "missing"),
        (Found(COLUMNS, applied(1)), "ours"),
        (Found(DOTNET_COLUMNS), "dotnet"),
        (Found(OUR_COLUMNS), "unrecorded"),
        (Found(OUR_COLUMNS | {"mine"}, has_history=True), "unrecorded"),
        (Found(DOTNET_COLUMNS | {"mine"}), "foreign"),
        (Found(COLUMNS), "foreign"),
    ],
)
def test_it_is_known_whose_a_table_is(found: Found, kind: str) -> None:
    """Given columns and a history, When asked whose table it is, Then it is told."""
    assert found.kind == kind


@pytest.mark.parametrize(
    ("has_history", "why"),
    [
        (False, r"EventsMigrations, is missing, .* grant this user SELECT on it; where it is gone"),
        (True, r"EventsMigrations, is empty; to restore it, take from `exp.*script` what makes"),
    ],
)
def test_a_table_of_ours_without_its_history_is_told_apart(
    has_history: bool,  # noqa: FBT001
    why: str,
) -> None:
    """Given our columns and no history, When the rest is asked for, Then it says what to do."""
    found = Found(OUR_COLUMNS, has_history=has_history)

    with pytest.raises(UnavailableError, match=f"which version the table shop.Events has: .*{why}"):
        pending(found, NAMES, KNOWN)


@pytest.mark.parametrize(
    ("columns", "advice"),
    [(DOTNET_COLUMNS, "script --upgrade-dotnet"), (COLUMNS, "say another schema or tableName")],
)
def test_a_table_that_is_not_ours_is_refused(columns: frozenset[str], advice: str) -> None:
    """Given a table of somebody else, When the rest is asked for, Then nothing is."""
    with pytest.raises(UnavailableError, match=f"nothing of it was changed: .*{advice}"):
        pending(Found(columns), NAMES, KNOWN)
