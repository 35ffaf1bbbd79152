"""A message as the broker keeps it: the bytes that came, and what it adds to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec
from proton import int32, symbol, timestamp, uint

from tests.peers.amqp import sections
from tests.peers.amqp.values import decoded, section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.peers.amqp.values import Value

State: TypeAlias = Literal["active", "deferred", "scheduled"]

_states: Final[tuple[State, ...]] = ("active", "deferred", "scheduled")
_fields: Final = (
    "message_id",
    "user_id",
    "to",
    "subject",
    "reply_to",
    "correlation_id",
    "content_type",
    "content_encoding",
    "absolute_expiry",
    "creation_time",
    "session_id",
)
_texts: Final = frozenset(_fields) - {"user_id", "absolute_expiry", "creation_time"}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a test reads it.

    Attributes:
        fields: What of message id, session id, subject, correlation id, content type, ... it says.
        properties: Its application properties; what JSON does not have is text.
        body: Its data.
        ttl_seconds: How long it may live, as the sender says.
        partition_key: The partition key that its annotations say.
        sequence: Its number in the entity.
        deliveries: How often it was delivered in vain.
        state: Whether it is to be had.
        reason: Why it is a dead letter.
        description: The same, for a person.
    """

    fields: dict[str, str]
    properties: dict[str, str | int | float | bool | None]
    body: bytes
    ttl_seconds: float | None
    partition_key: str | None
    sequence: int
    deliveries: int
    state: State
    reason: str | None
    description: str | None

    @property
    def message_id(self) -> str:
        """Its message id, or nothing."""
        return self.fields.get("message_id", "")

    @property
    def session_id(self) -> str | None:
        """Its session."""
        return self.fields.get("session_id")


@dataclass(frozen=True)
class Content:
    """What the sender said; it does not change.

    Attributes:
        encoded: All of it.
        annotations: Its message annotations.
        fields: Its properties.
        durable: Whether its header says so.
        ttl: How many milliseconds it may live.
    """

    encoded: bytes
    annotations: Mapping[str, Value]
    fields: Mapping[str, str]
    durable: bool | None
    ttl: int | None

    @cached_property
    def application(self) -> Mapping[str, Value]:
        """Its application properties; most messages are never asked for them."""
        by_code = {part.code: part.encoded for part in sections.sections(self.encoded)}
        return _map(by_code.get(sections.APPLICATION_PROPERTIES))

    @property
    def scheduled(self) -> int | None:
        """When it is to be there, in milliseconds since 1970."""
        at = self.annotations.get("x-opt-scheduled-enqueue-time")
        return None if at is None else int(at)


@dataclass
class Message:
    """A message in an entity; times are milliseconds since 1970."""

    content: Content
    sequence: int = 0
    enqueued: int = 0
    expires: int | None = None
    deliveries: int = 0
    state: State = "active"
    reason: str | None = None
    description: str | None = None
    source: str | None = None

    @property
    def session(self) -> str | None:
        """Its session."""
        return self.content.fields.get("session_id")


def read(encoded: bytes) -> Content:
    """Return what a sender said.

    Raises:
        ValueError: It is no message.
    """
    by_code = {part.code: part.encoded for part in sections.sections(encoded)}
    header = _list(by_code.get(sections.HEADER))
    ttl = header[2] if len(header) > 2 else None
    texts = dict(zip(_fields, _list(by_code.get(sections.PROPERTIES)), strict=False))
    return Content(
        encoded=encoded,
        annotations=_map(by_code.get(sections.ANNOTATIONS)),
        fields={key: str(texts[key]) for key in texts if key in _texts and texts[key] is not None},
        durable=header[0] if header else None,
        ttl=None if ttl is None else int(ttl),
    )


def wire(message: Message, locked_until: int | None = None) -> bytes:
    """Return the message as a receiver gets it."""
    content = message.content
    ttl = None if content.ttl is None else uint(content.ttl)
    header = section(sections.HEADER, [content.durable, None, ttl, None, uint(message.deliveries)])
    annotations = {symbol(key): value for key, value in content.annotations.items()}
    annotations[symbol("x-opt-sequence-number")] = message.sequence
    annotations[symbol("x-opt-enqueue-sequence-number")] = message.sequence
    annotations[symbol("x-opt-enqueued-time")] = timestamp(message.enqueued)
    annotations[symbol("x-opt-message-state")] = int32(_states.index(message.state))
    if locked_until is not None:
        annotations[symbol("x-opt-locked-until")] = timestamp(locked_until)
    if message.source is not None:
        annotations[symbol("x-opt-deadletter-source")] = message.source
    kept = sections.sections(content.encoded)
    why_dead = _dead_letter(message)
    application = (
        section(sections.APPLICATION_PROPERTIES, {**content.application, **why_dead})
        if why_dead
        else _joined(kept, sections.APPLICATION_PROPERTIES)
    )
    return b"".join(
        (
            header,
            section(sections.ANNOTATIONS, annotations),
            _joined(kept, sections.PROPERTIES),
            application,
            _joined(kept, sections.DATA, sections.SEQUENCE, sections.VALUE, sections.FOOTER),
        )
    )


def shown(message: Message) -> Shown:
    """Return the message as a test reads it."""
    content = message.content
    key = content.annotations.get("x-opt-partition-key")
    return Shown(
        fields=dict(content.fields),
        properties={name: _plain(value) for name, value in content.application.items()},
        body=sections.body_of(content.encoded),
        ttl_seconds=None if content.ttl is None else content.ttl / 1000,
        partition_key=None if key is None else str(key),
        sequence=message.sequence,
        deliveries=message.deliveries,
        state=message.state,
        reason=message.reason,
        description=message.description,
    )


def _joined(parts: list[sections.Section], *codes: int) -> bytes:
    return b"".join(part.encoded for part in parts if part.code in codes)


def _dead_letter(message: Message) -> dict[str, str]:
    said = {
        "DeadLetterReason": message.reason,
        "DeadLetterErrorDescription": message.description,
    }
    return {key: value for key, value in said.items() if value is not None}


def _list(encoded: bytes | None) -> list[Value]:
    return [] if encoded is None else list(decoded(encoded).value)


def _map(encoded: bytes | None) -> dict[str, Value]:
    if encoded is None:
        return {}
    return {str(key): value for key, value in decoded(encoded).value.items()}


def _plain(value: Value) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | float):
        return value
    return int(value) if isinstance(value, int) else str(value)
