"""The names of objects: their folders, and what is told by them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Selection

_plain_id = re.compile(r"[0-9a-z-]{1,64}")
_partition = re.compile(r"(type|date)=([^/]+)/")


def by_object(batch: Iterable[Record], partition_by: Sequence[str]) -> dict[str, list[Record]]:
    """Return the records of each object, in their order, by the object's name without suffix.

    The same records in the same order always give the same names. Other records give another
    one: an object is never replaced by one with other events.
    """
    folders: dict[str, list[Record]] = {}
    for record in batch:
        folders.setdefault(_folder(record, partition_by), []).append(record)
    return {f"{folder}{_name(records)}": records for folder, records in folders.items()}


def may_hold(name: str, selection: Selection) -> bool:
    """Return whether an object can have a selected event, as far as its folders tell."""
    folders = {key: unquote(value) for key, value in _partition.findall(name)}
    event_type, date = folders.get("type"), folders.get("date")
    if event_type is not None and selection.types and event_type not in selection.types:
        return False
    if date is not None and selection.since and date < _day(selection.since):
        return False
    return not (date is not None and selection.until and date > _day(selection.until))


def digest_of(text: str) -> str:
    """Return sixteen characters that stand for a text."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _folder(record: Record, partition_by: Sequence[str]) -> str:
    values = {"type": quote(record.event_type, safe=""), "date": _day(record.timestamp)}
    return "".join(f"{key}={values[key]}/" for key in partition_by)


def _name(records: Sequence[Record]) -> str:
    ids = [record.event_id for record in records]
    first, last = (
        event_id if _plain_id.fullmatch(event_id) else digest_of(event_id)
        for event_id in (ids[0], ids[-1])
    )
    return f"{first}_{last}_{digest_of(' '.join(ids))}"


def _day(time: datetime) -> str:
    return time.astimezone(UTC).date().isoformat()
