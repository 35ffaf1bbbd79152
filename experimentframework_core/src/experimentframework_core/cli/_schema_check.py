"""`schema check`: whether what was written by old schemas can be read by new ones."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from experimentframework_core.cli._output import (
    FAILED,
    OK,
    USAGE,
    CommandError,
    JsonOption,
    count,
    print_json,
    say_out,
    show_table,
    table,
)
from experimentframework_core.cli._schema_files import newest, read_schemas
from experimentframework_core.compatibility import Difference, differences
from experimentframework_core.schemas import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.cli._schema_files import Published, Versions
    from experimentframework_core.compatibility import Schema


class _Row(msgspec.Struct, frozen=True):
    """A difference between two schemas, with their name and versions."""

    schema: str
    old: str
    new: str
    difference: Difference

    @property
    def title(self) -> str:
        versions = dict.fromkeys(each for each in (self.old, self.new) if each)
        return " ".join([self.schema, " to ".join(versions)]).strip()


def check(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="What events were written by.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="What they are to be read by.")],
    *,
    as_json: JsonOption = False,
) -> int:
    """Say whether readers of NEW can read the events that were written by OLD.

    Each is a JSON Schema, a folder of them (TYPE/VERSION.json), or what `schema events` prints.
    Exits with 1 if they cannot.
    """
    before, after = read_schemas(old), read_schemas(new)
    if before.single != after.single:
        one, many = (old, new) if before.single else (new, old)
        message = f"{one} is one schema, and {many} has several: give two of a kind"
        raise CommandError(message, exit_code=USAGE)
    try:
        rows = list(_rows(before, after))
    except ValueError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    broken = sum(row.difference.breaking for row in rows)
    if as_json:
        print_json({"compatible": not broken, "differences": [_plain(row) for row in rows]})
    else:
        _show(rows, broken)
    return FAILED if broken else OK


def _rows(before: Published, after: Published) -> Iterator[_Row]:
    for name, old in before.schemas.items():
        if name in after.schemas:
            yield from _of_one_name(name, old, after.schemas[name])
        else:
            yield _row(name, newest(old), "", "removed", "its events are not decoded any more")
    for name in sorted(after.schemas.keys() - before.schemas.keys()):
        version = newest(after.schemas[name])
        yield _row(name, "", version, "added", "new: there are no old events", breaking=False)


def _of_one_name(name: str, old: Versions, new: Versions) -> Iterator[_Row]:
    """Yield how the newest version differs from each of the old ones, which it has to read."""
    to = newest(new)
    for version, schema in old.items():
        if _major(version) != _major(to):
            meaning = f"another major version: needs an upcast from {version} to {to}"
            yield _row(name, version, to, "major", meaning)
        if version and version in new and _differ(name, schema, new[version]):
            meaning = f"{version} is published, and is another now: raise the version"
            yield _row(name, version, version, "published", meaning, breaking=False)
        for difference in _differ(name, schema, new[to]):
            yield _Row(name, version, to, difference)


def _differ(name: str, old: Schema, new: Schema) -> list[Difference]:
    try:
        return differences(old, new)
    except ValueError as error:
        raise ValueError(f"{name}: {error}" if name else str(error)) from error


def _major(version: str) -> int | None:
    parsed = parse_version(version)
    return parsed[0] if parsed else None


def _row(name: str, old: str, new: str, kind: str, meaning: str, *, breaking: bool = True) -> _Row:
    return _Row(
        name,
        old,
        new,
        Difference(
            breaking=breaking,
            kind=kind,
            place="",
            within="new" if new else "old",
            meaning=meaning,
        ),
    )


def _plain(row: _Row) -> dict[str, object]:
    names = {"schema": row.schema, "old": row.old, "new": row.new}
    return names | msgspec.structs.asdict(row.difference)


def _show(rows: list[_Row], broken: int) -> None:
    if rows:
        show_table(
            table(
                "schema",
                "effect",
                "place",
                "meaning",
                rows=[
                    (
                        row.title or "-",
                        "breaks" if row.difference.breaking else "compatible",
                        _place(row.difference),
                        row.difference.meaning,
                    )
                    for row in rows
                ],
            )
        )
    found = count(len(rows), "difference") if rows else "no differences"
    if broken:
        verb = "breaks" if broken == 1 else "break"
        say_out(f"Not compatible: {broken:,} of {found} {verb} the reading of old events.")
    else:
        say_out(f"Compatible: {found}; old events can be read.")


def _place(difference: Difference) -> str:
    return f"{difference.place or '-'}{' (old)' if difference.within == 'old' else ''}"
