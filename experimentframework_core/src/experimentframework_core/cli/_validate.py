"""`validate`: every problem of a configuration, or its settings and who said them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from experimentframework_core.cli._output import (
    OK,
    USAGE,
    JsonOption,
    count,
    print_json,
    say_out,
    show_table,
    table,
)
from experimentframework_core.cli._problems import show_problems
from experimentframework_core.cli._settings import Setting, as_text, settings_of
from experimentframework_core.config import Loaded, Problem, notices, read_configuration
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH",
            readable=False,  # loading says it, beside all other problems
            help="Files and folders, the later ones winning; none: the current folder.",
        ),
    ] = None,
    *,
    show: Annotated[
        bool, typer.Option("--print", help="Print each setting in effect, and who said it where.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell which values a later file overrides.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 2 for a warning too.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Check a configuration without opening anything; all problems at once, with places."""
    loaded = read_configuration(paths or [Path()], find_plugin)
    problems = _told(loaded, overrides=show or verbose)
    settings = list(settings_of(loaded)) if show else []
    refused = {"error", "warning"} if strict else {"error"}
    valid = not any(problem.severity in refused for problem in problems)
    if as_json:
        document = {"valid": valid, "files": loaded.files, "problems": problems}
        print_json({**document, "settings": settings})
    else:
        show_problems(problems, loaded.excerpts)
        _show_settings(settings)
        if problems or not settings:
            say_out(_summary(loaded.files, problems))
    return OK if valid else USAGE


def _told(loaded: Loaded, *, overrides: bool) -> list[Problem]:
    """Return what is told: of one file's value that another overrides only if it is asked for."""
    told = [each for each in loaded.problems if overrides or each.severity != "information"]
    return [*told, *(_notices(loaded))]


def _notices(loaded: Loaded) -> Iterator[Problem]:
    """Yield what is only read, with the place where it is said first."""
    for notice in notices(loaded.configuration) if loaded.configuration else ():
        place = loaded.origins.get(notice.path)
        if place is None:
            yield notice
        else:
            line, column, file = place
            yield msgspec.structs.replace(notice, file=file, line=line, column=column)


def _show_settings(settings: list[Setting]) -> None:
    if settings:
        rows = [(each.path, as_text(each.value), each.source, each.at) for each in settings]
        show_table(table("Setting", "Value", "From", "Where", rows=rows))


def _summary(files: Sequence[str], problems: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = sum(problem.severity == "warning" for problem in problems)
    told = [count(errors, "problem")] if errors else []
    told += [count(warnings, "warning")] if warnings else []
    if errors:
        return ", ".join(told)
    first, *others = files
    name = f"{first} and {count(len(others), 'other file')}" if others else first
    return f"{name}: {', '.join(told) or 'no problems'}"
