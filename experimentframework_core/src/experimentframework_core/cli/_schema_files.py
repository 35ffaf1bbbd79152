"""Reads published schemas: one, a folder of them, or what `schema events` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from experimentframework_core.cli._output import USAGE, CommandError
from experimentframework_core.schemas import parse_version

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.compatibility import Schema

Versions = dict[str, "Schema"]
"""The schemas of one name by their versions; the version is empty where there are none."""


class Published(NamedTuple):
    """Schemas by name and version; a single one has neither."""

    schemas: dict[str, Versions]
    single: bool


def read_schemas(path: Path) -> Published:
    """Return the schemas of a file or a folder.

    Raises:
        CommandError: There are none, or one cannot be read.
    """
    if path.is_dir():
        return Published(_folder(path), single=False)
    document = _document(path)
    if isinstance(document, dict) and isinstance(types := document.get("types"), dict):
        return Published(_exported(path, document, types), single=False)
    return Published({"": {"": _schema(path, document)}}, single=True)


def newest(versions: Versions) -> str:
    """Return the latest of some versions."""
    return max(versions, key=lambda version: parse_version(version) or (0, 0, 0))


def _folder(folder: Path) -> dict[str, Versions]:
    found: dict[str, Versions] = {}
    for file in sorted(folder.rglob("*.json")):
        place = file.relative_to(folder).with_suffix("")
        version = place.name if parse_version(place.name) and len(place.parts) > 1 else ""
        name = (place.parent if version else place).as_posix()
        found.setdefault(name, {})[version] = _schema(file, _document(file))
    if not found:
        raise CommandError(f"{folder} has no schemas: no file *.json", exit_code=USAGE)
    return found


def _exported(path: Path, document: dict[str, Any], types: dict[str, Any]) -> dict[str, Versions]:
    found: dict[str, Versions] = {}
    if "envelope" in document:
        found["envelope"] = {"": _schema(path, document["envelope"])}
    for name, versions in types.items():
        if not isinstance(versions, dict) or not versions:
            raise CommandError(f"{path}: types.{name} has no versions", exit_code=USAGE)
        found[name] = {version: _schema(path, each) for version, each in versions.items()}
    return found


def _document(path: Path) -> object:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror or error}"
        raise CommandError(reason, exit_code=USAGE) from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CommandError(f"{path} is not JSON: {error}", exit_code=USAGE) from error


def _schema(path: Path, document: object) -> Schema:
    if isinstance(document, dict | bool):
        return document
    raise CommandError(
        f"{path}: a JSON Schema is an object, or true or false, not"
        f" {msgspec.json.encode(document).decode()[:40]}",
        exit_code=USAGE,
    )
