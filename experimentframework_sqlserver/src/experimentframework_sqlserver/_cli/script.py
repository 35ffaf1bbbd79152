"""`sqlserver script`: the migrations, to read and to run elsewhere."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer
from msgspec.structs import fields

from experimentframework_core.cli.commands import OK, USAGE, CommandError, JsonOption, print_json
from experimentframework_core.errors import UnavailableError
from experimentframework_sqlserver._cli.options import BackplaneOption, options_of
from experimentframework_sqlserver._options import SqlServerOptions
from experimentframework_sqlserver._table.naming import Names, checked_names, names_of
from experimentframework_sqlserver._table.script import script as script_of
from experimentframework_sqlserver._table.script import upgrade_script


def script(  # noqa: PLR0913 - one for each option
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="A configuration: its names."),
    ] = None,
    *,
    backplane: BackplaneOption = None,
    schema: Annotated[
        str | None, typer.Option(help="The schema, without a configuration. dbo.")
    ] = None,
    table_name: Annotated[
        str | None,
        typer.Option("--table", help="The table, without a configuration. ExperimentEvents."),
    ] = None,
    idempotent: Annotated[
        bool, typer.Option("--idempotent", help="Leave out, when it runs, what is there already.")
    ] = False,
    start: Annotated[
        int, typer.Option("--from", min=0, metavar="VERSION", help="The version that there is. 0.")
    ] = 0,
    end: Annotated[
        int | None, typer.Option("--to", min=0, metavar="VERSION", help="The version to reach.")
    ] = None,
    upgrade_dotnet: Annotated[
        bool,
        typer.Option(
            "--upgrade-dotnet", help="Instead: upgrade a table of the .NET ExperimentFramework."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Print the migrations as a script to read and to run elsewhere; connects to nothing."""
    if config is not None and (schema or table_name):
        raise CommandError("Give either --config, or --schema and --table.", exit_code=USAGE)
    if upgrade_dotnet and (idempotent or start or end is not None):
        message = "--upgrade-dotnet is a script of its own, without --idempotent, --from and --to."
        raise CommandError(message, exit_code=USAGE)
    if config is not None:
        names = names_of(options_of(config, backplane, "write a script for"))
    else:
        names = _names(schema, table_name)
    if upgrade_dotnet:
        text = upgrade_script(names)
    else:
        try:
            text = script_of(names, idempotent=idempotent, start=start, end=end)
        except ValueError as error:
            raise CommandError(f"--from {start}: {error}", exit_code=USAGE) from error
    if as_json:
        print_json({"table": str(names), "script": text})
    else:
        typer.echo(text, nl=False)
    return OK


def _names(schema: str | None, table_name: str | None) -> Names:
    defaults = {each.name: each.default for each in fields(SqlServerOptions)}
    try:
        return checked_names(schema or defaults["schema"], table_name or defaults["table_name"])
    except UnavailableError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
