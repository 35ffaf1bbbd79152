"""The table is made once, whoever comes first."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_records
from experimentframework_core.units import Secret
from experimentframework_postgresql import PostgreSqlOptions, plugin
from experimentframework_postgresql.__main__ import main
from experimentframework_postgresql._migrations import migrations, script
from experimentframework_postgresql._names import Names, names_of

if TYPE_CHECKING:
    import asyncpg

    from conftest import MakeOptions
    from postgresql_server import PostgreSqlServer

context = OpenContext(name="events")


async def opened(options: PostgreSqlOptions) -> None:
    """Open a backplane, store something, close it."""
    async with plugin.open(options, context) as backplane:
        await backplane.deliver(make_records(1))


async def test_one_of_several_makes_the_table(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given no table, When eight open at once, Then each finds it, and one has made it."""
    openings = [opened(options) for _ in range(8)]

    await asyncio.gather(*openings)

    rows = await database.fetch(f"SELECT number, name FROM {options.table_name}_migrations")
    assert [tuple(row) for row in rows] == [(each.number, each.name) for each in migrations()]


async def test_names_are_taken_as_they_are(make_options: MakeOptions) -> None:
    """Given odd names, When it is opened, Then schema, table and indexes are made."""
    options = make_options(schema='a "b" $1', table_name="Where's; DROP %s" + "é" * 5)

    await opened(options)

    await opened(msgspec.structs.replace(options, auto_migrate=False))


async def test_the_longest_name_has_room_for_all(make_options: MakeOptions) -> None:
    """Given the longest name that is taken, When it is opened twice, Then nothing is cut."""
    options = make_options(table_name="e" * 51)

    await opened(options)

    await opened(options)


async def test_a_table_of_somebody_else_is_left_alone(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given another table of that name, When it is opened, Then it is refused and unchanged."""
    await database.execute(f"CREATE TABLE {options.table_name} (other integer)")

    with pytest.raises(UnavailableError, match="that no migration made; say another tableName"):
        await opened(options)

    history = await database.fetchval("SELECT to_regclass($1)", f"{options.table_name}_migrations")
    assert history is None


async def test_a_newer_table_is_refused(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given a migration that this version does not know, When opened, Then it is refused."""
    await opened(options)
    await database.execute(f"INSERT INTO {options.table_name}_migrations VALUES (9, 'later')")

    with pytest.raises(UnavailableError, match=r"has migration 0009, .* up to 0001; upgrade"):
        await opened(options)


async def test_who_may_not_make_tables_runs_the_script(
    options: PostgreSqlOptions, database: asyncpg.Connection
) -> None:
    """Given the printed script, When somebody runs it, Then it is opened without migrating."""
    await database.execute(script(names_of(options)))

    await opened(msgspec.structs.replace(options, auto_migrate=False))

    await opened(options)


async def test_who_may_not_make_tables_is_told_what_helps(
    make_options: MakeOptions, database: asyncpg.Connection, server: PostgreSqlServer
) -> None:
    """Given a user without CREATE, When it may not migrate, Then granting what is said helps."""
    await database.execute("CREATE ROLE newcomer LOGIN PASSWORD 'new'")
    await database.execute("CREATE SCHEMA theirs")
    await database.execute("GRANT USAGE ON SCHEMA theirs TO newcomer")
    options = make_options(
        connection_string=Secret(server.url().replace("postgres@", "newcomer@")),
        password=Secret("new"),
        schema="theirs",
    )

    with pytest.raises(UnavailableError, match="grant it CREATE on the schema"):
        await opened(options)

    await database.execute("GRANT CREATE ON SCHEMA theirs TO newcomer")
    await opened(options)


def test_the_command_prints_the_script() -> None:
    """Given names, When the module is run, Then it prints what makes the table."""
    command = (sys.executable, "-m", "experimentframework_postgresql", "--schema", "shop")

    done = subprocess.run(
        (*command, "--table-name", "events"),
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert done.stdout == script(Names("shop", "events"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--table-name", ""), "--table-name: it is empty; expected a name"),
        (("--table-name", "e" * 52), "--table-name: it has 52 bytes; expected at most 51"),
        (("--schema", "$(table)"), "--schema: expected a name without"),
    ],
)
def test_the_command_refuses_what_the_options_do(
    arguments: tuple[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Given a name that is none, When the module is run, Then no script is printed, and why."""
    monkeypatch.setattr(sys, "argv", ["script", *arguments])

    with pytest.raises(SystemExit, match="2"):
        main()

    printed = capsys.readouterr()
    assert printed.out == ""
    assert says in printed.err
