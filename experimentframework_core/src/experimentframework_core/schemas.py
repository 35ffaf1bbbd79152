"""The versions of every event type: their JSON Schemas, and how old payloads become new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args

import msgspec

from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import (
    event_type_named,
    event_types,
    routing_limits,
    version_pattern,
)

if TYPE_CHECKING:
    from pathlib import Path

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
Version = tuple[int, int, int]
P = TypeVar("P", bound=msgspec.Struct)
U = TypeVar("U", bound=Upcaster)

envelope_version = "1.0.0"
"""The version of the envelope's own schema."""


class _Step(NamedTuple):
    start: Version
    end: Version
    lift: Upcaster


_former: dict[str, dict[str, type[msgspec.Struct]]] = {}
_steps: dict[str, dict[Version, _Step]] = {}


def parse_version(version: str) -> Version | None:
    """Return ``MAJOR.MINOR.PATCH`` as numbers, or None if it is anything else."""
    match = version_pattern.fullmatch(version)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def former(name: str, *, version: str) -> Callable[[type[P]], type[P]]:
    """Return a class decorator that keeps the payload class of a version no longer written.

    Args:
        name: The event type's wire name.
        version: The semantic version that this class had.

    Raises:
        ValueError: The version is malformed, or another class is kept for it.
    """
    _require_version(name, version)

    def keep(payload: type[P]) -> type[P]:
        kept = _former.setdefault(name, {})
        if version in kept and not _same_place(kept[version], payload):
            raise ValueError(f"event type {name!r}: version {version} is already kept")
        kept[version] = payload
        return payload

    return keep


def versions(name: str) -> dict[str, type[msgspec.Struct]]:
    """Return every published version of an event type with its payload class, oldest first."""
    published = dict(_former.get(name, {}))
    if current := event_type_named(name):
        published[current.version] = current.payload
    return dict(sorted(published.items(), key=lambda item: _require_version(name, item[0])))


def upcast(name: str, from_version: str, to_version: str) -> Callable[[U], U]:
    """Return a decorator that registers how a payload of one version becomes a later one.

    The function takes the payload as plain JSON with its wire names, which it may change, and
    returns the new one. It is applied when an event is read; a chain of them is followed to the
    newest version. Of several that a payload could take, the one that starts nearest is taken.

    Args:
        name: The event type's wire name.
        from_version: The version it takes, and other minor versions of the same major.
        to_version: The version it returns.

    Raises:
        ValueError: A version is malformed, the step does not lead upwards, or another function
            already starts from ``from_version``.
    """
    start, end = _require_version(name, from_version), _require_version(name, to_version)
    if end <= start:
        raise ValueError(f"upcast of {name!r}: {to_version} is not later than {from_version}")

    def register(function: U) -> U:
        steps = _steps.setdefault(name, {})
        if start in steps and not _same_place(steps[start].lift, function):
            raise ValueError(f"upcast of {name!r} from {from_version} is already registered")
        steps[start] = _Step(start, end, function)
        return function

    return register


def lift(name: str, version: str, payload: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the payload as the newest version can read it, with the version it then has.

    A payload of the newest major version is ready as it is, also that of a newer minor version.

    Args:
        name: The event type's wire name.
        version: The version that the payload was written with.
        payload: The payload as plain JSON; it is not changed.

    Returns:
        None if the type is not registered, or no chain of upcasts leads to its newest version.

    Raises:
        InvalidEventError: A function of the chain failed, or did not return a JSON object.
    """
    current, at = event_type_named(name), parse_version(version)
    if current is None or at is None:
        return None
    newest = _require_version(name, current.version)
    while step := _next_step(name, at, newest):
        payload, at = _lifted(name, step, payload), step.end
    if at[0] != newest[0]:
        return None
    return (_text(max(at, newest)), payload)


def _next_step(name: str, at: Version, newest: Version) -> _Step | None:
    """Return the step that a payload takes: of those of its major the nearest one, older first."""
    steps = [
        step
        for start, step in sorted(_steps.get(name, {}).items())
        if start[0] == at[0] and at < step.end <= newest
    ]
    older = [step for step in steps if step.start <= at]
    return older[-1] if older else next(iter(steps), None)


def _lifted(name: str, step: _Step, payload: dict[str, Any]) -> dict[str, Any]:
    """Take one step, on a copy of the payload; what comes out is a copy, too, and plain JSON."""
    doing = f"the upcast of {name} from {_text(step.start)} to {_text(step.end)}"
    try:
        made = step.lift(_plain(payload))
    except Exception as error:
        raise InvalidEventError(f"{doing} raised {error!r}", path="payload") from error
    if not isinstance(made, dict):
        returned = f"{doing} returned {type(made).__name__}; a dict is needed"
        raise InvalidEventError(returned, path="payload")
    try:
        plain: dict[str, Any] = _plain(made)
    except Exception as error:
        returned = f"{doing} returned what has no JSON form: {error}"
        raise InvalidEventError(returned, path="payload") from error
    return plain


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    return msgspec.json.decode(msgspec.json.encode(value))


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def json_schema(name: str, version: str | None = None) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a payload as it is on the wire.

    Args:
        name: The event type's wire name.
        version: A published version; the newest when left out.

    Raises:
        KeyError: The type is not registered or never had that version.
    """
    published = versions(name)
    version = version or next(reversed(published), "")
    return _tidy(published[version], f"urn:experimentframework:{name}:{version}")


def envelope_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what every payload travels in."""
    schema = _tidy(Envelope, f"urn:experimentframework:envelope:{envelope_version}")
    del schema["properties"]["extra"]
    return schema


def export(folder: Path, names: Iterable[str] = ()) -> list[Path]:
    """Write the schema of every version to ``folder/<type>/<version>.json``, and the envelope's.

    Args:
        folder: Where the schemas stand; it is made when it is missing.
        names: Event types by wire name; every registered one when left out.

    Returns:
        The files, in the order written.

    Raises:
        ValueError: A published version would change in more than its wording: raise the version
            instead. Nothing was written.
    """
    texts = {folder / "envelope.json": schema_text(envelope_schema())}
    for name in names or [registered.name for registered in event_types()]:
        for version in versions(name):
            texts[folder / name / f"{version}.json"] = schema_text(json_schema(name, version))
    for file, text in texts.items():
        if file.exists() and _differs(file.read_bytes(), text):
            raise ValueError(f"{file} is published and would change: raise the version instead")
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
    return list(texts)


def schema_text(schema: dict[str, Any]) -> bytes:
    """Return a schema as the text of its file."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _same_place(one: Any, other: Any) -> bool:  # noqa: ANN401 - classes and functions
    """Return whether both have one definition, run again by a reload of its module."""
    return bool((one.__module__, one.__qualname__) == (other.__module__, other.__qualname__))


def _differs(published: bytes, text: bytes) -> bool:
    """Return whether two schemas of one name and version differ in more than their wording."""
    old, new = msgspec.json.decode(published), msgspec.json.decode(text)
    return bool(old["$id"] == new["$id"] and _shape(old) != _shape(new))


def _shape(schema: object) -> object:
    """Return a schema without its wording; a class that is kept as a former one has a new name."""
    if isinstance(schema, dict):
        return {
            key: _shape(each)
            for key, each in schema.items()
            if key not in {"title", "description"} or not isinstance(each, str)
        }
    return schema


def _require_version(name: str, version: str) -> Version:
    parsed = parse_version(version)
    if parsed is None:
        raise ValueError(f"event type {name!r}: version {version!r} is not MAJOR.MINOR.PATCH")
    return parsed


def _tidy(payload: type[msgspec.Struct], urn: str) -> dict[str, Any]:
    (root,), components = msgspec.json.schema_components([payload])
    schema = components.pop(root["$ref"].removeprefix("#/$defs/"))
    if "description" in schema:
        schema["description"] = schema["description"].partition("\n")[0]
    for field in msgspec.structs.fields(payload):
        wire = schema["properties"][field.encode_name]
        if datetime in (field.type, *get_args(field.type)):
            wire["format"] = "date-time"
        if limit := routing_limits.get(field.name):
            _limit(wire, limit)
        if field.default is None:
            _drop_null(wire)
    head: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": urn}
    head.update(schema)
    if components:
        head["$defs"] = components
    return head


def _limit(wire: dict[str, Any], limit: int) -> None:
    for text in wire.get("anyOf", [wire]):
        if text.get("type") == "string":
            text.update(minLength=1, maxLength=limit)


def _drop_null(wire: dict[str, Any]) -> None:
    """Leave out null: an optional that is absent is not written."""
    del wire["default"]
    choices = [choice for choice in wire.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del wire["anyOf"]
        wire.update(choices[0])
