"""Which folder of an export an event belongs into, named as Hive names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from experimentframework_core._columns import routing_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from experimentframework_core.envelope import Envelope

_NOTHING = "__HIVE_DEFAULT_PARTITION__"
_NOTHING_AS_TEXT = _NOTHING.replace("_", "%5F", 1)
_of_envelope: dict[str, Callable[[Envelope], str | None]] = {
    "date": lambda envelope: envelope.timestamp.date().isoformat(),
    "event_type": lambda envelope: envelope.event_type,
    "experiment": lambda envelope: routing_text(envelope.payload, "experiment_name"),
    "tenant": lambda envelope: routing_text(envelope.payload, "tenant_id"),
}

KEYS = tuple(_of_envelope)
"""What events can be parted by."""

_part_name = re.compile(
    rf"(?:(?:{'|'.join(KEYS)})=[^/]+/)+part-\d{{5}}\.(?:parquet|ndjson|csv)", re.ASCII
)


def is_part(path: str) -> bool:
    """Return whether a path inside a folder is one of a file of an export."""
    return _part_name.fullmatch(path) is not None


def keys_of(text: str) -> tuple[str, ...]:
    """Return the keys in ``date,event_type``.

    Raises:
        ValueError: One is not known, or stands there twice.
    """
    keys = tuple(key.strip() for key in text.split(","))
    for key in keys:
        if key not in KEYS:
            raise ValueError(f"{key!r} is not one of {', '.join(KEYS)}")
    if len(set(keys)) < len(keys):
        raise ValueError(f"{text!r} names one of them twice")
    return keys


def parted(envelopes: Iterable[Envelope], keys: Sequence[str]) -> dict[str, list[Envelope]]:
    """Return events by the folder they belong into, as in ``date=2026-05-01/event_type=outcome``.

    Characters that are not letters, digits, ``_``, ``.``, ``-`` or ``~`` are percent-encoded.
    """
    read = [_of_envelope[key] for key in keys]
    folders: dict[str, list[Envelope]] = {}
    known: dict[tuple[str | None, ...], list[Envelope]] = {}
    for envelope in envelopes:
        values = tuple(value(envelope) for value in read)
        found = known.get(values)
        if found is None:
            # Several values may have one folder, as None and an empty text have.
            found = known[values] = folders.setdefault(_folder(keys, values), [])
        found.append(envelope)
    return folders


def _folder(keys: Sequence[str], values: Sequence[str | None]) -> str:
    return "/".join(f"{key}={_name(value)}" for key, value in zip(keys, values, strict=True))


def _name(value: str | None) -> str:
    if not value:
        return _NOTHING
    return _NOTHING_AS_TEXT if value == _NOTHING else quote(value, safe="")
