"""`sqlserver`: make the table, look at it, and remove old events from it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core.cli.commands import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    ConfigOption,
    JsonOption,
    confirmed,
    count,
    expected_errors,
    print_json,
    say,
    say_out,
    show_table,
    table,
    time_of,
)
from experimentframework_core.errors import UnavailableError
from experimentframework_sqlserver._cli.options import BackplaneOption, options_of
from experimentframework_sqlserver._cli.script import script
from experimentframework_sqlserver._connection.pool import open_pool
from experimentframework_sqlserver._doing import doing
from experimentframework_sqlserver._table.history import Found, pending
from experimentframework_sqlserver._table.migrating import look
from experimentframework_sqlserver._table.migrating import migrate as migrate_table
from experimentframework_sqlserver._table.naming import Names, names_of
from experimentframework_sqlserver._table.retention import count_older, slice_size_of
from experimentframework_sqlserver._table.retention import purge as purge_table
from experimentframework_sqlserver._table.script import upgrade_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_sqlserver._connection.pool import Pool
    from experimentframework_sqlserver._options import SqlServerOptions
    from experimentframework_sqlserver._table.migrating import Migrated


_BUSY = "another process is removing old events now; nothing was removed here"


def migrate(
    config: ConfigOption, *, backplane: BackplaneOption = None, as_json: JsonOption = False
) -> int:
    """Make the table, or bring it to this version; run it as often as you like.

    A table of the .NET ExperimentFramework is left alone: the script that upgrades it is printed.
    """
    options = options_of(config, backplane, "migrate")
    names = names_of(options)
    found = asyncio.run(_look(options))
    if found.kind == "dotnet":
        return _refuse(found, names, as_json=as_json)
    migrated = asyncio.run(_migrate(options))
    applied = [str(each) for each in migrated.applied]
    if as_json:
        print_json({"table": str(names), "version": migrated.version, "applied": applied})
        return OK
    what = f"applied {', '.join(applied)}; it has" if applied else "nothing to do; it has"
    say_out(f"{names}: {what} version {migrated.version}")
    return OK


def status(
    config: ConfigOption, *, backplane: BackplaneOption = None, as_json: JsonOption = False
) -> int:
    """Show which migrations the table has, and which are missing; exits with 1 if any is."""
    options = options_of(config, backplane, "look at")
    names = names_of(options)
    found = asyncio.run(_look(options))
    missing, problem = _pending(found, names)
    if as_json:
        print_json(
            {
                "table": str(names),
                "state": found.kind,
                "version": found.version,
                "applied": [each._asdict() for each in found.applied],
                "pending": missing,
                "problem": problem,
            }
        )
    else:
        rows = [
            (f"{each.number:04}_{each.name}", each.applied_at, each.product_version)
            for each in found.applied
        ]
        rows += [(each, "missing", "") for each in missing]
        say_out(f"{names}: version {found.version}")
        show_table(table("Migration", "Applied (server's time)", "By", rows=rows))
        if problem:
            say(problem)
    return FAILED if missing or problem else OK


def purge(
    config: ConfigOption,
    *,
    backplane: BackplaneOption = None,
    older_than: Annotated[
        str | None,
        typer.Option(help="Events before that time: ISO 8601, or an age as in 90d; as configured."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Remove old events for ever, a slice at a time; asks before, unless --yes."""
    options = options_of(config, backplane, "remove events from")
    before = _before(options, older_than)
    number = asyncio.run(_count(options, before))
    question = f"Remove {count(number, 'event')} from {names_of(options)} for ever?"
    agreed = not dry_run and number > 0 and (yes or confirmed(question))
    removed = asyncio.run(_purge(options, before)) if agreed else 0
    why = _BUSY if removed is None else None
    if why:
        say(why)
    if as_json:
        chosen = {"before": before, "chosen": number, "removed": removed or 0, "dryRun": dry_run}
        print_json({**chosen, "problem": why})
    else:
        say_out(f"{count(number, 'event')} before {before.isoformat()}, {removed or 0:,} removed")
    return OK if dry_run or (removed or 0) >= number else FAILED


def _refuse(found: Found, names: Names, *, as_json: bool) -> int:
    _, problem = _pending(found, names)
    say(problem or "")
    if as_json:
        print_json({"error": problem, "upgradeScript": upgrade_script(names)})
    else:
        typer.echo(upgrade_script(names), nl=False)
    return FAILED


def _pending(found: Found, names: Names) -> tuple[list[str], str | None]:
    try:
        return [str(each) for each in pending(found, names)], None
    except UnavailableError as error:
        return [], str(error)


def _before(options: SqlServerOptions, older_than: str | None) -> datetime:
    now = datetime.now(UTC)
    before = time_of("--older-than", older_than, now)
    if before is not None:
        return before
    if options.retention is None:
        message = "say --older-than, as in 90d: the backplane has no retention"
        raise CommandError(message, exit_code=USAGE)
    return now - timedelta(days=options.retention.days)


@asynccontextmanager
async def _pool(options: SqlServerOptions) -> AsyncIterator[Pool]:
    pool = open_pool(options, size=1)
    try:
        yield pool
    finally:
        await pool.close()


async def _look(options: SqlServerOptions) -> Found:
    names = names_of(options)
    async with _pool(options) as pool, pool.session() as session:
        with doing(f"look at the table {names}"):
            return await look(session, names)


async def _migrate(options: SqlServerOptions) -> Migrated:
    async with _pool(options) as pool:
        return await migrate_table(pool, options)


async def _count(options: SqlServerOptions, before: datetime) -> int:
    async with _pool(options) as pool:
        return await count_older(pool, options, before)


async def _purge(options: SqlServerOptions, before: datetime) -> int | None:
    async with _pool(options) as pool:
        return await purge_table(pool, options, before, slice_size=slice_size_of(options))


group = typer.Typer(
    name="sqlserver",
    help="Make and look after the table of a SQL Server backplane.",
    no_args_is_help=True,
)
for _command in (migrate, status, script, purge):
    group.command(_command.__name__)(expected_errors(_command))
