"""Hides what must not leave the process: by a placeholder, or by a pseudonym that still joins."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

if TYPE_CHECKING:
    from experimentframework_core.config import PiiRedactionOptions

FREE_FIELDS = ("attributes", "data")
"""The payload fields whose keys ``redactFields`` can name too."""

T = TypeVar("T")


class Redactor:
    """Hides subjects, tenants, payload fields and keys of free fields."""

    def __init__(self, options: PiiRedactionOptions) -> None:
        """Hide what the options name."""
        self._placeholder = options.redaction_placeholder
        self._key = options.hash_key.reveal().encode() if options.hash_key else None
        hidden = set(options.redact_fields)
        if options.redact_subject_ids:
            hidden.add("subjectId")
        if options.redact_tenant_ids:
            hidden.add("tenantId")
        self._hidden = frozenset(hidden)
        self._fields: dict[type, tuple[str, ...]] = {}

    @property
    def is_needed(self) -> bool:
        """Whether anything is to be hidden at all."""
        return bool(self._hidden)

    def redact(self, payload: T) -> T:
        """Return the payload with what is hidden replaced; the same object if nothing is."""
        redacted: Any = payload
        if isinstance(payload, msgspec.Struct):
            redacted = self._redact_struct(payload)
        elif isinstance(payload, dict):
            redacted = self._redact_mapping(payload)
        return cast("T", redacted)

    def redact_free(self, values: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return a free mapping, as an envelope's metadata, with its hidden keys replaced."""
        if not values or self._hidden.isdisjoint(values):
            return values
        return {
            key: self._hide(value) if key in self._hidden else value
            for key, value in values.items()
        }

    def _redact_struct(self, payload: msgspec.Struct) -> msgspec.Struct:
        kind = type(payload)
        names = self._fields.get(kind)
        if names is None:
            names = self._fields[kind] = self._hidden_fields(kind)
        changes: dict[str, Any] = {
            name: self._hide(value)
            for name in names
            if (value := getattr(payload, name)) is not None
        }
        for name in FREE_FIELDS:
            values = getattr(payload, name, None)
            if isinstance(values, dict) and (redacted := self.redact_free(values)) is not values:
                changes[name] = redacted
        return msgspec.structs.replace(payload, **changes) if changes else payload

    def _redact_mapping(self, payload: dict[str, Any]) -> dict[str, Any]:
        redacted = self.redact_free(payload) or {}
        for name in FREE_FIELDS:
            if isinstance(free := redacted.get(name), dict):
                redacted = {**redacted, name: self.redact_free(free)}
        return redacted

    def _hidden_fields(self, kind: type[msgspec.Struct]) -> tuple[str, ...]:
        return tuple(
            field.name
            for field in msgspec.structs.fields(kind)
            if field.encode_name in self._hidden and field.name not in FREE_FIELDS
        )

    def _hide(self, value: object) -> str:
        if self._key is None:
            return self._placeholder
        return pseudonym(self._key, value)


def pseudonym(key: bytes, value: object) -> str:
    """Return HMAC-SHA256 of a text's UTF-8, or of another value's JSON, as 64 hex digits."""
    text = value if isinstance(value, str) else _json(value)
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def _json(value: object) -> str:
    mapping = value if not isinstance(value, Mapping) else dict(value)
    return msgspec.json.encode(mapping, enc_hook=str).decode()
