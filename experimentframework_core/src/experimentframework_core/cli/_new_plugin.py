"""`new-plugin`: a distribution with a backplane that works, to make another one of."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experimentframework_core.cli._output import (
    OK,
    USAGE,
    CommandError,
    JsonOption,
    count,
    print_json,
    say_out,
)
from experimentframework_core.cli._skeleton import NameRefusedError, files_of, naming_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEXT = (
    'python -m pip install -e ".[test]"',
    "python -m pytest",
    "experimentframework plugins",
)


def new_plugin(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Words in lower case with hyphens, as in my-store."),
    ],
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write it there: a new or empty folder. Without it: experimentframework-NAME.",
        ),
    ] = None,
    type_name: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Its type in a configuration. Without it: NAME, camelCase.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Write a distribution with a backplane of your own, whose tests pass."""
    try:
        named = naming_of(name, type_name)
    except NameRefusedError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    folder = Path(named.distribution) if directory is None else directory
    files = files_of(named)
    _write(folder, files)
    if as_json:
        print_json(
            {
                "distribution": named.distribution,
                "package": named.package,
                "type": named.type,
                "folder": folder.absolute(),
                "files": sorted(files),
            }
        )
        return OK
    say_out(f"{folder} has {named.distribution}: {count(len(files), 'file')}, type: {named.type}.")
    say_out("Next, in that folder:")
    for command in _NEXT:
        say_out(f"  {command}")
    return OK


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write all files, or none: first beside their place, then there."""
    try:
        is_there = folder.exists()
        if is_there and (why := _why_not(folder)):
            raise CommandError(f"{folder} {why}; name a new folder by --directory", exit_code=USAGE)
        _put(folder.absolute(), files, is_there=is_there)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror or error}") from error


def _why_not(folder: Path) -> str | None:
    if not folder.is_dir():
        return "is a file"
    return "is there and not empty" if any(folder.iterdir()) else None


def _put(folder: Path, files: Mapping[str, str], *, is_there: bool) -> None:
    name = f".{folder.name}.{os.getpid()}"
    unfinished = folder / name if is_there else folder.with_name(name)
    try:
        for path, text in files.items():
            file = unfinished / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        if not is_there:
            unfinished.rename(folder)
            return
        # Not replaced: somebody's shell may stand in it.
        for each in unfinished.iterdir():
            each.rename(folder / each.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
