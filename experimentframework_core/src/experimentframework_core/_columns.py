"""Events as columns of fixed names and types, whatever is in them: for Arrow, Parquet and CSV."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Literal

import msgspec

from experimentframework_core.codec import encode_as_read
from experimentframework_core.events import built_in_types, event_type_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Envelope

Kind = Literal["text", "time", "number", "bool", "json"]
"""What a column holds; ``json`` is text too, the JSON of what has no type of its own."""


class Column(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        name: Its name.
        kind: What it holds.
        required: Whether every event has a value.
        means: What it holds, for the reference page.
    """

    name: str
    kind: Kind
    means: str
    required: bool = False


_OF_ENVELOPE = (
    Column("event_id", "text", "the event's id, the same wherever it is stored", required=True),
    Column("timestamp", "time", "when it happened, in UTC", required=True),
    Column("event_type", "text", "`exposure`, `outcome`, …, or your own", required=True),
    Column("schema_version", "text", "the version its payload is read as", required=True),
)
_OF_ROUTING = (
    Column("experiment", "text", "the payload's `experimentName`"),
    Column("variant", "text", "its `newVariantKey` or `variantKey`"),
    Column("subject", "text", "its `subjectId`"),
    Column("tenant", "text", "its `tenantId`"),
)
_BESIDE = (
    Column("correlation_id", "text", "what ties the events of one request together"),
    Column("traceparent", "text", "the W3C trace context in which it was published"),
)
_OF_PAYLOAD = (
    Column("name", "text", "outcome: what was measured"),
    Column("value", "number", "outcome: how much"),
    Column("outcome_type", "text", "outcome: `binary`, `continuous`, `count`, `duration`"),
    Column("selection_reason", "text", "exposure: why this variant"),
    Column("subject_type", "text", "exposure: what kind of subject"),
    Column("rule_path", "text", "exposure: the rule that chose"),
    Column("assignment_policy", "text", "exposure, assignment: as `subjectSticky`"),
    Column("is_repeat_exposure", "bool", "exposure: whether the subject saw it before"),
    Column("previous_variant_key", "text", "assignment: the variant before"),
    Column("change_reason", "text", "assignment: why it changed"),
    Column("signal_type", "text", "analysisSignal: as `sampleRatioMismatch`"),
    Column("severity", "text", "analysisSignal: `info`, `warning`, `error`"),
    Column("error_type", "text", "error: its class"),
    Column("message", "text", "analysisSignal, error: its words"),
    Column("action", "text", "governance: as `started`"),
    Column("actor", "text", "governance: who did it"),
    Column("from_state", "text", "governance: the state before"),
    Column("to_state", "text", "governance: the state after"),
    Column("reason", "text", "governance: why"),
    Column("policy", "text", "governance: the policy that says so"),
    Column("version", "text", "governance: the experiment's version"),
)
_AS_JSON = (
    Column("attributes", "json", "the payload's `attributes`"),
    Column("metadata", "json", "the envelope's `metadata`"),
    Column("payload", "json", "the whole payload", required=True),
)

COLUMNS = (*_OF_ENVELOPE, *_OF_ROUTING, *_BESIDE, *_OF_PAYLOAD, *_AS_JSON)
"""Every column, in order. A later version may have more, and takes none away."""

_wire_names = {
    "experiment_name": "experimentName",
    "variant_key": "variantKey",
    "new_variant_key": "newVariantKey",
    "subject_id": "subjectId",
    "tenant_id": "tenantId",
}
_built_in = {
    registered.payload: frozenset(registered.payload.__struct_fields__)
    for name in built_in_types
    if (registered := event_type_named(name))
}
_encode = msgspec.json.Encoder().encode


class _OnlyPayload(msgspec.Struct):
    payload: msgspec.Raw


_payload_decoder = msgspec.json.Decoder(_OnlyPayload)


def columns_of(envelopes: Sequence[Envelope]) -> list[list[object] | None]:
    """Return the values of each of `COLUMNS`; None where no event has one.

    Enums are given as they are, which are texts; JSON as UTF-8.
    """
    payloads = [envelope.payload for envelope in envelopes]
    kinds = set(map(type, payloads))
    return [
        *(list(map(attrgetter(column.name), envelopes)) for column in _OF_ENVELOPE),
        *_routing(payloads, kinds),
        *(_or_none(list(map(attrgetter(column.name), envelopes))) for column in _BESIDE),
        *(_of_payload(column.name, payloads, kinds) for column in _OF_PAYLOAD),
        _as_json(_of_payload("attributes", payloads, kinds)),
        _as_json(list(map(attrgetter("metadata"), envelopes))),
        [_encode(each.payload) if each.extra is None else _with_extra(each) for each in envelopes],
    ]


def _routing(payloads: Sequence[object], kinds: set[type]) -> list[list[object] | None]:
    found: dict[str, list[object] | None]
    if kinds <= _built_in.keys():
        found = {name: _of_payload(name, payloads, kinds) for name in _wire_names}
    else:
        found = {name: [routing_text(each, name) for each in payloads] for name in _wire_names}
    new, variants = found["new_variant_key"], found["variant_key"]
    if new and variants:
        variants = [first or second for first, second in zip(new, variants, strict=True)]
    return [
        found["experiment_name"],
        variants or new,
        found["subject_id"],
        found["tenant_id"],
    ]


def routing_text(payload: object, name: str) -> str | None:
    """Return a routing field of any payload, as ``experiment_name``; None where it has none."""
    if isinstance(payload, dict):
        value = payload.get(_wire_names[name])
    else:
        value = getattr(payload, name, None)
    return value if isinstance(value, str) and value else None


def _of_payload(name: str, payloads: Sequence[object], kinds: set[type]) -> list[object] | None:
    """Return a field of the built-in payloads; in others the name may mean another thing."""
    having = {kind for kind in kinds if name in _built_in.get(kind, ())}
    if not having:
        return None
    if having == kinds:
        return _or_none(list(map(attrgetter(name), payloads)))
    return _or_none([getattr(each, name) if type(each) in having else None for each in payloads])


def _as_json(values: list[object] | None) -> list[object] | None:
    if values is None or _or_none(values) is None:
        return None
    return [None if value is None else _encode(value) for value in values]


def _or_none(values: list[object]) -> list[object] | None:
    return None if values.count(None) == len(values) else values


def _with_extra(envelope: Envelope) -> bytes:
    """Return the payload of an event that has fields which are not known here."""
    return bytes(_payload_decoder.decode(encode_as_read(envelope)).payload)
