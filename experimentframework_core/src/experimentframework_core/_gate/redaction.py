"""Hides what must not leave the process: by a placeholder, or by a pseudonym that still joins."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from experimentframework_core.errors import InvalidEventError

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.config import PiiRedactionOptions

FREE_FIELDS = ("attributes", "data")
"""The payload fields whose keys ``redactFields`` can name too."""

ROUTING = frozenset({"subject_id", "tenant_id"})
"""The payload fields that must be text: hiding what is none would make it look good."""

T = TypeVar("T")


class Redactor:
    """Hides subjects, tenants, payload fields and keys of free fields.

    Attributes:
        hidden: The wire names of what is hidden.
        hide: Gives what is written instead of a value.
        placeholder: The text that `hide` gives for every value; None for pseudonyms.
    """

    def __init__(self, options: PiiRedactionOptions) -> None:
        """Hide what the options name."""
        placeholder = options.redaction_placeholder
        self.placeholder = None if options.hash_key else placeholder
        self.hide: Callable[[object], str] = (
            Pseudonyms(options.hash_key.reveal().encode()).of
            if options.hash_key
            else lambda _: placeholder
        )
        hidden = set(options.redact_fields)
        if options.redact_subject_ids:
            hidden.add("subjectId")
        if options.redact_tenant_ids:
            hidden.add("tenantId")
        self.hidden = frozenset(hidden)

    @property
    def is_needed(self) -> bool:
        """Whether anything is to be hidden at all."""
        return bool(self.hidden)

    def redact(self, payload: T) -> T:
        """Return the payload with what is hidden replaced; the same object if nothing is."""
        redacted: Any = payload
        if isinstance(payload, msgspec.Struct):
            redacted = self._redact_struct(payload)
        elif isinstance(payload, dict):
            redacted = self._redact_mapping(payload)
        return cast("T", redacted)

    def hidden_fields(self, kind: type[msgspec.Struct]) -> tuple[str, ...]:
        """Return the names of the class's own fields that are hidden."""
        names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        return tuple(
            name for name, wire in names if wire in self.hidden and name not in FREE_FIELDS
        )

    def _redact_struct(self, payload: msgspec.Struct) -> msgspec.Struct:
        changes = {
            name: self.hide(value)
            for name in self.hidden_fields(type(payload))
            if _is_hideable(name, value := getattr(payload, name))
        }
        free = {
            name: redacted
            for name in FREE_FIELDS
            if (values := getattr(payload, name, None))
            and (redacted := self.redact_free(values)) is not values
        }
        changed = changes | free
        return msgspec.structs.replace(payload, **changed) if changed else payload

    def redact_free(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return a free mapping, as an envelope's metadata, with its hidden keys replaced."""
        hidden = self.hidden
        if not isinstance(values, dict) or hidden.isdisjoint(values):
            return values
        redacted = values.copy()
        for key in hidden:
            if key in redacted:
                redacted[key] = self.hide(redacted[key])
        return redacted

    def redact_extra(self, extra: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return an envelope's unknown fields, and those of its payload, redacted."""
        if not extra:
            return extra
        redacted = self.redact_free(extra)
        payload = redacted.get("payload")
        if isinstance(payload, dict):
            redacted = {**redacted, "payload": self._redact_mapping(payload)}
        return redacted

    def _redact_mapping(self, payload: dict[str, Any]) -> dict[str, Any]:
        redacted = self.redact_free(payload)
        for name in FREE_FIELDS:
            if isinstance(free := redacted.get(name), dict):
                redacted = {**redacted, name: self.redact_free(free)}
        return redacted


def _is_hideable(name: str, value: object) -> bool:
    if name in ROUTING:
        return isinstance(value, str) and value != ""
    return value is not None and value is not msgspec.UNSET


class Pseudonyms:
    """HMAC-SHA256 under one key, with the key's two hash states made once (RFC 2104)."""

    _BLOCK = 64

    def __init__(self, key: bytes) -> None:
        """Hash under ``key``."""
        if len(key) > self._BLOCK:
            key = hashlib.sha256(key).digest()
        key = key.ljust(self._BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))

    def of(self, value: object) -> str:
        """Return HMAC-SHA256 of a text's UTF-8, or of another value's JSON, as 64 hex digits."""
        text = value if isinstance(value, str) else _json(value)
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        message = f"a {type(value).__name__} that is to be hidden has no JSON form: {error}"
        raise InvalidEventError(message) from error
