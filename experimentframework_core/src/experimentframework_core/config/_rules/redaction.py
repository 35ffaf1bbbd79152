"""Rules of what may be redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import inspect

from experimentframework_core.config._problems.breach import Breach
from experimentframework_core.config._rules.names import repeated
from experimentframework_core.config._walk.describe import alternatives
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.envelope import Record
from experimentframework_core.events import event_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from experimentframework_core.config._model.data_plane import PiiRedactionOptions
    from experimentframework_core.config._walk.backplanes import Found

_PATH = "dataPlane.piiRedaction"
_ROUTING = ("experimentName", "variantKey")
_OWN_SETTING = {"subjectId": "redactSubjectIds: true", "tenantId": "redactTenantIds: true"}


def redaction_breaches(redaction: PiiRedactionOptions, found: Sequence[Found]) -> Iterator[Breach]:
    """Yield fields that cannot be redacted or stand twice, and an order that would be spoilt."""
    yield from repeated(f"{_PATH}.redactFields", redaction.redact_fields)
    not_text = _fields_that_are_not_text() if redaction.redact_fields else set()
    for index, field in enumerate(redaction.redact_fields):
        message = _why_not(field, not_text)
        if message:
            yield Breach(f"{_PATH}.redactFields[{index}]", f"'{field}' {message}")
    if redaction.redact_subject_ids and redaction.hash_key is None:
        for each in found:
            if _orders_by_subject(each):
                yield Breach(
                    f"{_PATH}.hashKey",
                    f"missing; backplane '{each.name}' keeps events in order"
                    " by subject, and redactSubjectIds would make all subjects one",
                    (f"{_PATH}.redactSubjectIds", f"{each.path}.options"),
                    about=each.path,
                )


def _why_not(field: str, not_text: set[str]) -> str | None:
    if field in _ROUTING:
        return "cannot be redacted: events are routed and counted by it"
    if field in _OWN_SETTING:
        return f"has a setting of its own; say {_OWN_SETTING[field]}"
    if field in not_text:
        return "cannot be redacted: it is not text, so it cannot hold the placeholder"
    return None


def _fields_that_are_not_text() -> set[str]:
    return {
        field.encode_name
        for event_type in event_types()
        for field in fields_of(event_type.payload)
        if not _is_text(field.type)
    }


def _is_text(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return all(_is_text(each) for each in alternatives(kind))
    return isinstance(kind, inspect.StrType | inspect.AnyType)


def _orders_by_subject(found: Found) -> bool:
    """Ask the plugin for the keys of two records that differ in their subject only."""
    if found.plugin is None or found.plugin.ordering_key is None or found.options is None:
        return False
    one, other = (
        Record(
            body=b'{"eventId":"-","timestamp":"2000-01-01T00:00:00Z"}',
            event_type="exposure",
            schema_version="1.0.0",
            experiment="-",
            variant="-",
            subject=subject,
            tenant="-",
        )
        for subject in ("one", "other")
    )
    key = found.plugin.ordering_key
    try:
        return key(one, found.options) != key(other, found.options)
    except Exception:  # noqa: BLE001 - a plugin's bug shows where events are published
        return False
