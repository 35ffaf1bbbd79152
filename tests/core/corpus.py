"""The corpus: events of every version that was ever published, as they were written.

``python -m tests.core.corpus`` writes the files of a new version, its schema into ``docs/schemas``,
and anew what today's code reads from each file. It never changes what was written.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from experimentframework_core import schemas
from experimentframework_core.codec import decode, encode
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import built_in_types, event_type_named

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "data" / "corpus"
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
SUMS = "SHA256SUMS"
COMMAND = "python -m tests.core.corpus"

_moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
_anything: dict[str, Any] = {
    "text": 'Grüße, "東京" \\ 🦆\n\u2028',
    "number": 12.5,
    "float": 12.0,
    "whole": 9007199254740993,
    "negative": -1,
    "none": None,
    "yes": True,
    "list": [1, "a", [], {}],
    "With Capital": {"deep": {"er": 1e-9}},
}


def written(folder: Path = FOLDER) -> list[Path]:
    """Return the files of events, as they were written."""
    return sorted(folder.glob("*/*.ndjson"))


def lines(file: Path) -> list[bytes]:
    """Return the events of a file."""
    return file.read_bytes().splitlines()


def decoded(file: Path) -> str:
    """Return what today's code reads, as Python shows it, an event on each line."""
    return "".join(f"{decode(line, strict=True)!r}\n" for line in lines(file))


def golden(file: Path) -> Path:
    """Return the file that has what is read from a file."""
    return file.with_suffix(".decoded.txt")


def missing(folder: Path = FOLDER) -> list[str]:
    """Return each published version of a built-in type that has no file."""
    published = [
        f"{name}/{version}" for name in built_in_types for version in schemas.versions(name)
    ]
    return [each for each in published if not (folder / f"{each}.ndjson").is_file()]


def differing(folder: Path = FOLDER) -> list[str]:
    """Return each file that was changed, is gone, or stands in no list."""
    listed = {
        name: hashed
        for hashed, name in (
            line.split("  ", 1) for line in (folder / SUMS).read_text().splitlines()
        )
    }
    found = {file.relative_to(folder).as_posix(): _sum(file) for file in written(folder)}
    return sorted(
        name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name)
    )


def samples(name: str) -> Iterator[Envelope]:
    """Yield events of a type: all given, only what must be, and one for each value of an enum."""
    registered = event_type_named(name)
    assert registered is not None
    fields = msgspec.structs.fields(registered.payload)
    full = {field.name: _value(field) for field in fields}
    necessary = {
        field.name: full[field.name]
        for field in fields
        if field.required or field.default_factory is not msgspec.NODEFAULT
    }
    payloads = [full, necessary]
    for field in fields:
        if kind := _enum(field):
            payloads += [necessary | {field.name: member} for member in kind]
    more: dict[str, Any] = {
        "correlation_id": "order-7 größe",
        "metadata": _anything,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    for number, values in enumerate(payloads):
        yield Envelope(
            event_id=f"0198c5a0-0000-7000-8000-{number:012}",
            timestamp=_moment if number else _moment.replace(microsecond=0),
            event_type=name,
            schema_version=registered.version,
            payload=registered.payload(**values),
            **({} if number else more),
        )


def _value(field: msgspec.structs.FieldInfo) -> object:
    if kind := _enum(field):
        return next(iter(kind))
    kinds = {str: f"{field.name} é", float: 12.0, bool: True, datetime: _moment}
    return next((kinds[each] for each in _kinds(field) if each in kinds), _anything)


def _enum(field: msgspec.structs.FieldInfo) -> type[StrEnum] | None:
    for kind in _kinds(field):
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return kind
    return None


def _kinds(field: msgspec.structs.FieldInfo) -> tuple[Any, ...]:
    return (field.type, *get_args(field.type))


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> None:
    """Write what is missing."""
    schemas.export(SCHEMAS, built_in_types)
    for each in missing():
        name, _, version = each.partition("/")
        registered = event_type_named(name)
        if registered is None or registered.version != version:
            raise SystemExit(f"{each} is no longer written: take it from an older checkout")
        file = FOLDER / f"{each}.ndjson"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(encode(event) + b"\n" for event in samples(name)))
        with (FOLDER / SUMS).open("a") as sums:
            sums.write(f"{_sum(file)}  {file.relative_to(FOLDER).as_posix()}\n")
        print(file)  # noqa: T201 - says what it did
    for file in written():
        golden(file).write_text(decoded(file), "utf-8")


if __name__ == "__main__":
    main()
