"""Turns records into the one parameter of the insert statement: their bodies as a JSON array."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from experimentframework_core.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record

EXTRA_FIELD = "experimentframework-extra"
"""The field of an element that holds those of the envelope which no column is for."""

BOXED_FIELD = "experimentframework-payload"
"""The field that holds a payload which is no JSON object, in an array: it may be no JSON document.

Its element has an empty object as its payload.
"""

_LIMITS = (
    ("event type", 128),
    ("schema version", 32),
    ("correlation id", 512),
    ("traceparent", 64),
    ("experiment name", 256),
    ("variant key", 256),
    ("subject id", 512),
    ("tenant id", 512),
)
"""The columns of text and their lengths in UTF-16 units, of which a character may need two."""

_SHORT = 4000
"""The longest text that the driver sends as NVARCHAR(n); of another n, it is another statement."""


class Rows(NamedTuple):
    """What is to be inserted.

    Attributes:
        json: An array of the events, each id once, in the order of the ids: statements that lock
            rows in one order do not end in deadlocks.
        usual: Whether each event is in the array as it is, and has at most 4,000 characters.
        refused: Why a record has no place in the table, by its index in the batch.
    """

    json: str
    usual: bool
    refused: dict[int, PermanentError]


class _Shape(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    event_id: msgspec.Raw
    timestamp: msgspec.Raw
    event_type: msgspec.Raw
    schema_version: msgspec.Raw
    payload: msgspec.Raw
    correlation_id: msgspec.Raw = msgspec.Raw()
    metadata: msgspec.Raw = msgspec.Raw()
    traceparent: msgspec.Raw = msgspec.Raw()


_known_fields = frozenset(field.encode_name for field in msgspec.structs.fields(_Shape))
_shape_decoder = msgspec.json.Decoder(_Shape)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def rows_of(batch: Sequence[Record]) -> Rows:
    """Return what to insert for a batch."""
    elements: dict[str, bytes] = {}
    refused: dict[int, PermanentError] = {}
    usual = True
    for index, record in enumerate(batch):
        if why := _why_no_room(record):
            refused[index] = PermanentError(f"event {record.event_id} has no place in it: {why}")
        else:
            element = elements.setdefault(record.event_id, _element(record.body))
            usual = usual and element is record.body and len(element) <= _SHORT
    joined = b",".join(elements[event_id] for event_id in sorted(elements))
    return Rows(
        # Of whitespace, JSON may have any number.
        json=f"[{joined.decode()}]".ljust(_SHORT),
        usual=usual,
        refused=refused,
    )


def _element(body: bytes) -> bytes:
    """Return the event as it is, unless something in it has no column."""
    try:
        if bytes(_shape_decoder.decode(body).payload).startswith(b"{"):
            return body
    except msgspec.ValidationError:
        pass
    fields = _fields_decoder.decode(body)
    if extra := {name: fields.pop(name) for name in list(fields) if name not in _known_fields}:
        fields[EXTRA_FIELD] = msgspec.Raw(_encoder.encode(extra))
    if not (payload := bytes(fields["payload"])).startswith(b"{"):
        fields |= {"payload": msgspec.Raw(b"{}"), BOXED_FIELD: msgspec.Raw(b"[%b]" % payload)}
    return _encoder.encode(fields)


def _why_no_room(record: Record) -> str | None:
    values = (
        record.event_type,
        record.schema_version,
        record.correlation_id,
        record.traceparent,
        record.experiment,
        record.variant,
        record.subject,
        record.tenant,
    )
    for value, (name, limit) in zip(values, _LIMITS, strict=True):
        if value is not None and len(value) * 2 > limit:
            units = len(value.encode("utf-16-le")) // 2
            if units > limit:
                return f"its {name} has {units:,} characters; the column takes {limit}"
    return None
