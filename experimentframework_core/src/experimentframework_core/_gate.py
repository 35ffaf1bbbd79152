"""What an event passes before it is queued: toggle, sampling, redaction, encoding."""

from __future__ import annotations

from datetime import UTC, datetime
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core import codec
from experimentframework_core._admission import compile_check, is_plain
from experimentframework_core._normal import normalise
from experimentframework_core._redaction import Redactor
from experimentframework_core._sampling import Sampler
from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import EventType, routing_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.config import DataPlaneOptions

NEVER_SAMPLED = frozenset({"governance", "error"})
CORRELATION_LIMIT = routing_limits["correlation_id"]

_encode = msgspec.json.Encoder().encode


class _Sealed(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The envelope as it is written: `Envelope` without what only reading needs, positional."""

    event_id: str
    timestamp: datetime
    event_type: str
    schema_version: str
    payload: msgspec.Struct
    correlation_id: str | None = None
    metadata: dict[str, Any] | None = None
    traceparent: str | None = None


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
        self.event_type = intern(registered.name)
        self._version = intern(registered.version)
        self._check = compile_check(registered.payload)
        self._sampler = rules.sampler_of(registered.name)
        self._redactor = rules.redactor
        self._max_bytes = max_bytes
        self._traceparent = traceparent
        filters = self._sampler or self._redactor
        self.seal: Callable[..., Record | None] = self._filter if filters else self._seal

    def _filter(
        self,
        event: msgspec.Struct,
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
        event: msgspec.Struct,
        event_id: str,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Record:
        facts = self._check(event)
        if facts is None:
            event = normalise(event)
            facts = self._check(event)
        if facts is None or not (
            (metadata is None or _is_plain_metadata(metadata))
            and (correlation_id is None or _is_plain_correlation(correlation_id))
        ):
            return self._seal_carefully(event, event_id, correlation_id, metadata)
        timestamp, experiment, variant, subject, tenant = facts
        event_type, version = self.event_type, self._version
        traceparent = None if self._traceparent is None else self._traceparent()
        if timestamp is None:
            timestamp = datetime.now(UTC)
        try:
            body = _encode(
                _Sealed(
                    event_id,
                    timestamp,
                    event_type,
                    version,
                    event,
                    correlation_id,
                    metadata,
                    traceparent,
                )
            )
        except (UnicodeError, TypeError, ValueError):
            return self._seal_carefully(event, event_id, correlation_id, metadata)
        if len(body) > self._max_bytes:
            raise too_large(len(body), self._max_bytes)
        if experiment is not None:
            experiment = intern(experiment)
        return Record(
            body,
            event_type,
            version,
            experiment,
            variant,
            subject,
            tenant,
            correlation_id,
            traceparent,
        )

    def _seal_carefully(
        self,
        event: msgspec.Struct,
        event_id: str,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Record:
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


def _is_plain_metadata(metadata: object) -> bool:
    return type(metadata) is dict and is_plain(metadata)


def _is_plain_correlation(correlation_id: object) -> bool:
    return type(correlation_id) is str and 0 < len(correlation_id) <= CORRELATION_LIMIT


def _time_of(event: msgspec.Struct) -> datetime:
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
