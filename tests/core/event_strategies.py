"""Hypothesis strategies for every event that can be written, and for values that cannot."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from hypothesis import strategies as st

from experimentframework_core import events, schemas
from experimentframework_core.envelope import Envelope
from experimentframework_core.events import (
    built_in_types,
    event_type_named,
    event_type_of,
    routing_limits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

payload_types = tuple(
    registered.payload for name in built_in_types if (registered := event_type_named(name))
)

texts = st.text(max_size=20) | st.sampled_from(["", "🦆", "naïve", "\x00", '"\\', "\u2028", "日本"])
numbers = st.floats(allow_nan=False, allow_infinity=False)
json_leaves = st.none() | st.booleans() | st.integers() | numbers | texts
json_values = st.recursive(
    json_leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(texts, json_values, max_size=4)
zones = st.sampled_from(
    [
        UTC,
        timezone(timedelta(0)),
        timezone(timedelta(hours=5, minutes=45)),
        timezone(timedelta(hours=-11)),
    ]
)
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001


def field_values(field: msgspec.structs.FieldInfo) -> st.SearchStrategy[Any]:
    """Return values of the field's type that have a wire form."""
    if limit := routing_limits.get(field.name):
        values: st.SearchStrategy[Any] = st.text(min_size=1, max_size=limit)
    else:
        kind = next(k for k in (*get_args(field.type), field.type) if k is not type(None))
        values = _values_of(field.type if field.type in _by_type else kind)
    return values if field.required or field.default is not None else st.none() | values


_by_type: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    bool: st.booleans(),
    float: numbers | st.integers(-(2**53), 2**53),
    datetime: times,
    dict[str, Any]: json_objects,
}


def _values_of(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    return _by_type[kind]


def payloads_of(payload: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Return payloads of one class, any optional field given or left out."""
    fields = msgspec.structs.fields(payload)
    required = {field.name: field_values(field) for field in fields if field.required}
    optional = {field.name: field_values(field) for field in fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda kw: payload(**kw))


payloads = st.one_of([payloads_of(payload) for payload in payload_types])


def envelope_of(payload: msgspec.Struct, **more: Any) -> Envelope:
    """Return an envelope around a payload of a registered class."""
    registered = event_type_of(type(payload))
    assert registered is not None
    fields: dict[str, Any] = {
        "event_id": "0198c5a0-0000-7000-8000-000000000001",
        "timestamp": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        "event_type": registered.name,
        "schema_version": registered.version,
        "payload": payload,
    }
    return Envelope(**(fields | more))


envelopes = st.builds(
    envelope_of,
    payloads,
    event_id=st.uuids().map(str),
    timestamp=times,
    correlation_id=st.none() | st.text(min_size=1, max_size=256),
    metadata=st.none() | json_objects,
    traceparent=st.none() | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)

without_wire_form = st.sampled_from(
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        datetime(2026, 1, 1),  # noqa: DTZ001 - that it is naive is the point
        datetime(2026, 1, 1, tzinfo=UTC),
        date(2026, 1, 1),
        timedelta(1),
        uuid.UUID(int=1),
        Decimal("1.5"),
        b"bytes",
        (1, 2),
        {1, 2},
        {1: "int key"},
        {None: 1},
        {"\ud800": 1},
        "lone \udfff surrogate",
        [{"deep": [float("nan")]}],
        10**5000,
        2**63 + 1,
        object(),
        object,
        "2026-01-01T00:00:00Z",
        "BestEffort",
        "bestEffort",
        0,
        "",
        "x" * 257,
        None,
        [],
        {},
    ]
)


@contextmanager
def own_registry() -> Iterator[None]:
    """Forget, at the end, every event type, former version and upcast registered inside."""
    tables: list[dict[Any, Any]] = [
        events._by_class,
        events._by_name,
        schemas._former,
        schemas._steps,
    ]
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, kept in zip(tables, before, strict=True):
            table.clear()
            table.update(kept)
