"""Looking at the table, and who waits for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_sqlserver._connection.session import Result
from experimentframework_sqlserver._table.history import OUR_COLUMNS
from experimentframework_sqlserver._table.migrating import Migrated, look, migrate
from experimentframework_sqlserver._table.migrations import migrations
from experimentframework_sqlserver._table.naming import Names
from tests.sqlserver._sessions import OneSession, ScriptedSession, as_session, options, said

if TYPE_CHECKING:
    from experimentframework_sqlserver._connection.pool import Pool

NAMES = Names("shop", "Events")


class AsItShouldBe(ScriptedSession):
    """A database whose table is as this version has it.

    Attributes:
        of_history: What reading the history raises.
        looks: How often was looked.
    """

    of_history: Exception | None = None
    looks: int = 0

    async def run(self, statement: str, *parameters: object) -> Result:
        await super().run(statement, *parameters)
        if "sp_getapplock" in statement:
            return Result([(-1,)], -1)
        if "sys.columns" in statement:
            self.looks += 1
            return Result([(name,) for name in OUR_COLUMNS], -1)
        if "ORDER BY Id" in statement and self.of_history is not None:
            raise self.of_history
        rows: list[tuple[object, ...]] = [
            (each.number, each.name, each.checksum, "2026", "1") for each in migrations()
        ]
        return Result(rows if "ORDER BY Id" in statement else [(1,)], -1)


async def test_a_history_that_may_not_be_read_is_told() -> None:
    """Given a user without SELECT on the history, When looked at, Then it says what to grant."""
    session = AsItShouldBe()
    session.of_history = said(229)

    with pytest.raises(UnavailableError, match=r"grant it SELECT on the table shop.EventsMigr"):
        await look(as_session(session), NAMES)


async def test_without_anything_to_do_nobody_waits_for_a_lock() -> None:
    """Given a table that is as it should be, When it is migrated, Then no lock is taken."""
    session = AsItShouldBe()

    done = await migrate(cast("Pool", OneSession(session)), options())

    assert done == Migrated((), len(migrations()))
    assert not any("sp_getapplock" in statement for statement, _ in session.statements)


class MigratedByOther(AsItShouldBe):
    """A database that another process migrates, until it was looked at twice.

    Attributes:
        patient: Whether it ever ends with that.
    """

    patient = True

    async def run(self, statement: str, *parameters: object) -> Result:
        found = await super().run(statement, *parameters)
        if "sys.columns" in statement or "ORDER BY Id" in statement:
            return found if self.looks > 2 and self.patient else Result([], -1)
        return found


async def test_who_cannot_migrate_looks_whether_another_has() -> None:
    """Given another process that migrates, When it has, Then that is found without the lock."""
    session = MigratedByOther()

    done = await migrate(cast("Pool", OneSession(session)), options())

    assert done == Migrated((), len(migrations()))
    assert session.looks == 3
    assert not session.usable


async def test_another_that_migrates_for_too_long_is_told() -> None:
    """Given another process that never ends, When the time is over, Then the error says that."""
    session = MigratedByOther()
    session.patient = False

    with pytest.raises(TransientError, match=r"another process migrates it for more than 0 s"):
        await migrate(cast("Pool", OneSession(session)), options(), wait=0)
