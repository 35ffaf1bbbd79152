"""`schema`: the JSON Schemas of the configuration and of the events, and changes of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experimentframework_core import schemas
from experimentframework_core.cli._output import (
    OK,
    USAGE,
    CommandError,
    JsonOption,
    expected_errors,
    print_json,
    say,
)
from experimentframework_core.cli._schema_check import check
from experimentframework_core.config import json_schema, not_in_schema
from experimentframework_core.events import event_types
from experimentframework_core.plugins import installed_plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import BackplanePlugin

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write it to this file instead."),
]


def config(*, output: OutputOption = None, as_json: JsonOption = False) -> int:
    """Print the JSON Schema of a configuration, with the options of every installed backplane."""
    del as_json  # a schema is JSON
    _put(json_schema(_usable()), output)
    for what, why in not_in_schema():
        say(f"{what} is left out: {why}")
    return OK


def events(
    *,
    type_name: Annotated[
        str | None,
        typer.Option("--type", "-t", help="Only the newest version of this event type."),
    ] = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print the JSON Schemas of the built-in events: the envelope, and every type's versions."""
    del as_json
    names = [registered.name for registered in event_types()]
    if type_name is None:
        types = {name: _versions(name) for name in names}
        _put({"envelope": schemas.envelope_schema(), "types": types}, output)
    elif type_name in names:
        _put(schemas.json_schema(type_name), output)
    else:
        known = ", ".join(names)
        raise CommandError(f"no event type '{type_name}'; expected {known}", exit_code=USAGE)
    return OK


def _usable() -> Iterator[BackplanePlugin[Any]]:
    """Yield the plugins whose options have a schema; say which have not."""
    for found in installed_plugins():
        if found.plugin is None:
            say(f"{found.type} is left out: {found.error}")
            continue
        try:
            json_schema([found.plugin])
        except TypeError as error:
            say(f"{found.type} is left out: its options cannot stand in a configuration: {error}")
        else:
            yield found.plugin


def _versions(name: str) -> dict[str, dict[str, Any]]:
    return {version: schemas.json_schema(name, version) for version in schemas.versions(name)}


def _put(schema: dict[str, Any], output: Path | None) -> None:
    if output is None:
        print_json(schema)
        return
    try:
        output.write_bytes(schemas.schema_text(schema))
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror or error}") from error
    say(f"{output} is written.")


group = typer.Typer(
    name="schema",
    help="The JSON Schemas of the configuration and the events, and changes of them.",
    no_args_is_help=True,
)
for _command in (config, events, check):
    group.command()(expected_errors(_command))
