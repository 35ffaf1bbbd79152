"""What an event passes before it is queued: toggle, sampling, redaction, encoding, in that order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from experimentframework_core import codec
from experimentframework_core._admission import compile_check, is_plain
from experimentframework_core._normal import normalise
from experimentframework_core._redaction import Redactor
from experimentframework_core._sampling import Sampler
from experimentframework_core.config import DataPlaneOptions
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import EventType, routing_limits

NEVER_SAMPLED = frozenset({"governance", "error"})
CORRELATION_LIMIT = routing_limits["correlation_id"]

_encode = msgspec.json.Encoder().encode


class Rules:
    """What a plane applies to every event: made once from its options."""

    def __init__(self, options: DataPlaneOptions) -> None:
        """Read the toggles, the sampling rate and the redaction from ``options``."""
        redactor = Redactor(options.pii_redaction)
        self.redactor = redactor if redactor.is_needed else None
        self.sampler = (
            Sampler(options.sampling_rate, options.sampling_salt)
            if options.sampling_rate < 1
            else None
        )
        self.disabled = frozenset(
            name
            for name, enabled in (
                ("exposure", options.enable_exposure_events),
                ("assignment", options.enable_assignment_events),
                ("outcome", options.enable_outcome_events),
                ("analysisSignal", options.enable_analysis_signals),
                ("error", options.enable_error_events),
                ("governance", options.enable_governance_events),
            )
            if not enabled
        )

    def sampler_of(self, event_type: str) -> Sampler | None:
        """Return what samples events of that type; None where all are kept."""
        return None if event_type in NEVER_SAMPLED else self.sampler


class Gate:
    """Turns events of one payload class into records.

    Attributes:
        event_type: The type's name on the wire.
        seal: Gives the record of an event, or None when its subject is not sampled.
    """

    def __init__(
        self,
        registered: EventType,
        rules: Rules,
        *,
        max_bytes: int,
        traceparent: Callable[[], str | None] | None = None,
    ) -> None:
        """Write ``registered``'s events under ``rules``, at most ``max_bytes`` long."""
        self.event_type = sys.intern(registered.name)
        self._version = sys.intern(registered.version)
        self._check = compile_check(registered.payload)
        self._sampler = rules.sampler_of(registered.name)
        self._redactor = rules.redactor
        self._max_bytes = max_bytes
        self._traceparent = traceparent
        filters = self._sampler or self._redactor
        self.seal: Callable[..., Record | None] = self._filter if filters else self._seal

    def _filter(
        self,
        event: Any,
        event_id: str,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Record | None:
        if self._sampler is not None:
            subject = getattr(event, "subject_id", None)
            if type(subject) is str:
                if not self._sampler.keeps(subject):
                    return None
                metadata = {**(metadata or {}), "samplingRate": self._sampler.rate}
        if self._redactor is not None:
            event = self._redactor.redact(event)
            metadata = self._redactor.redact_free(metadata)
        return self._seal(event, event_id, correlation_id, metadata)

    def _seal(
        self,
        event: Any,
        event_id: str,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Record:
        facts = self._check(event)
        if (
            facts is None
            or (metadata is not None and not (type(metadata) is dict and is_plain(metadata)))
            or (
                correlation_id is not None
                and not (
                    type(correlation_id) is str and 0 < len(correlation_id) <= CORRELATION_LIMIT
                )
            )
        ):
            return self._seal_carefully(event, event_id, correlation_id, metadata)
        timestamp, experiment, variant, subject, tenant = facts
        traceparent = None if self._traceparent is None else self._traceparent()
        try:
            body = _encode(
                Envelope(
                    event_id=event_id,
                    timestamp=timestamp or datetime.now(UTC),
                    event_type=self.event_type,
                    schema_version=self._version,
                    payload=event,
                    correlation_id=correlation_id,
                    metadata=metadata,
                    traceparent=traceparent,
                )
            )
        except (UnicodeError, TypeError, ValueError):
            return self._seal_carefully(event, event_id, correlation_id, metadata)
        if len(body) > self._max_bytes:
            raise too_large(len(body), self._max_bytes)
        return Record(
            body,
            self.event_type,
            self._version,
            None if experiment is None else sys.intern(experiment),
            variant,
            subject,
            tenant,
            correlation_id,
            traceparent,
        )

    def _seal_carefully(
        self,
        event: Any,
        event_id: str,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Record:
        event = normalise(event)
        envelope = Envelope(
            event_id=event_id,
            timestamp=_time_of(event),
            event_type=self.event_type,
            schema_version=self._version,
            payload=event,
            correlation_id=correlation_id,
            metadata=metadata,
            traceparent=None if self._traceparent is None else self._traceparent(),
        )
        try:
            record = codec.encode_record(envelope)
        except InvalidEventError as error:
            raise codec.explain(event) or error from None
        if len(record.body) > self._max_bytes:
            raise too_large(len(record.body), self._max_bytes)
        return record


def _time_of(event: Any) -> datetime:
    timestamp = getattr(event, "timestamp", None)
    return timestamp if isinstance(timestamp, datetime) else datetime.now(UTC)


def too_large(size: int, limit: int) -> InvalidEventError:
    """Return the error for an event that is longer than ``maxEventBytes``."""
    message = f"the event is {size} bytes long, over the limit of {limit} (maxEventBytes)"
    return InvalidEventError(message)


def seal_envelope(envelope: Envelope, rules: Rules, max_bytes: int) -> Record | None:
    """Turn a whole envelope into a record, its id and time kept; None when it is not sampled.

    Raises:
        InvalidEventError: It has no wire form, or is too large.
    """
    sampler = rules.sampler_of(envelope.event_type)
    metadata = envelope.metadata
    if sampler is not None and (subject := _subject_of(envelope.payload)) is not None:
        if not sampler.keeps(subject):
            return None
        metadata = {**(metadata or {}), "samplingRate": sampler.rate}
    payload = envelope.payload
    if rules.redactor is not None:
        payload = rules.redactor.redact(payload)
        metadata = rules.redactor.redact_free(metadata)
    record = codec.encode_record(
        msgspec.structs.replace(envelope, payload=payload, metadata=metadata)
    )
    if len(record.body) > max_bytes:
        raise too_large(len(record.body), max_bytes)
    return record


def _subject_of(payload: object) -> str | None:
    subject = (
        payload.get("subjectId")
        if isinstance(payload, dict)
        else getattr(payload, "subject_id", None)
    )
    return subject if isinstance(subject, str) else None
