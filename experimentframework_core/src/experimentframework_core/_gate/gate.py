"""What an event passes before it is queued: toggle, sampling, redaction, encoding."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core import codec
from experimentframework_core._codec.normal import normalise
from experimentframework_core._gate.redaction import Redactor
from experimentframework_core._gate.sampling import Sampler
from experimentframework_core._gate.seal import Steps, compile_seal, too_large
from experimentframework_core._log import text_of
from experimentframework_core.envelope import Envelope
from experimentframework_core.errors import InvalidEventError, PublishError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core._gate.trace import Traceparent
    from experimentframework_core.config import DataPlaneOptions
    from experimentframework_core.envelope import Record
    from experimentframework_core.events import EventType

NEVER_SAMPLED = frozenset({"governance", "error"})


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


@contextmanager
def refuse_foreign_errors() -> Iterator[None]:
    """Raise InvalidEventError for what an event's own objects raise while they are written."""
    try:
        yield
    except PublishError:
        raise
    except Exception as error:
        message = f"it cannot be written: {type(error).__name__}: {text_of(error)}"
        raise InvalidEventError(message) from error


class Gate:
    """Turns events of one payload class into records.

    Attributes:
        seal: Gives the record of (event, event id, correlation id, metadata), or None when the
            event's subject is not sampled.
    """

    def __init__(
        self,
        registered: EventType,
        rules: Rules,
        *,
        max_bytes: int,
        traceparent: Traceparent | None = None,
    ) -> None:
        """Write ``registered``'s events under ``rules``, at most ``max_bytes`` long."""
        self._registered = registered
        self._sampler = rules.sampler_of(registered.name)
        self._redactor = rules.redactor
        self._steps = Steps(max_bytes=max_bytes, traceparent=traceparent)
        self._write = compile_seal(registered, self._steps, carefully=self._write_carefully)
        steps = msgspec.structs.replace(self._steps, sampler=self._sampler, redactor=self._redactor)
        self.seal = compile_seal(registered, steps, carefully=self._seal_carefully)

    def _seal_carefully(
        self,
        event: msgspec.Struct,
        event_id: str,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Record | None:
        with refuse_foreign_errors():
            return self._seal_step_by_step(event, event_id, correlation_id, metadata)

    def _seal_step_by_step(
        self,
        event: msgspec.Struct,
        event_id: str,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Record | None:
        sampler, redactor = self._sampler, self._redactor
        if sampler is not None:
            subject = getattr(event, "subject_id", None)
            if isinstance(subject, str):
                if not sampler.keeps(subject):
                    return None
                metadata = sampler.note(metadata)
        if redactor is not None:
            event = redactor.redact(event)
            metadata = redactor.redact_free(metadata) if metadata else metadata
        return self._write(normalise(event), event_id, correlation_id, metadata)

    def _write_carefully(
        self,
        event: msgspec.Struct,
        event_id: str,
        correlation_id: str | None,
        metadata: dict[str, Any] | None,
    ) -> Record | None:
        envelope = Envelope(
            event_id=event_id,
            timestamp=_time_of(event),
            event_type=self._registered.name,
            schema_version=self._registered.version,
            payload=event,
            correlation_id=correlation_id,
            metadata=metadata,
            traceparent=self._steps.traceparent() if self._steps.traceparent else None,
        )
        try:
            record = codec.encode_record(envelope)
        except InvalidEventError as error:
            raise codec.explain(event) or error from None
        if len(record.body) > self._steps.max_bytes:
            raise too_large(len(record.body), self._steps.max_bytes)
        return record


def _time_of(event: msgspec.Struct) -> datetime:
    timestamp = getattr(event, "timestamp", None)
    return timestamp if isinstance(timestamp, datetime) else datetime.now(UTC)


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
        metadata = sampler.note(metadata)
    payload, extra = envelope.payload, envelope.extra
    if rules.redactor is not None:
        payload = rules.redactor.redact(payload)
        metadata = rules.redactor.redact_free(metadata) if metadata else metadata
        extra = rules.redactor.redact_extra(extra)
    record = codec.encode_record(
        msgspec.structs.replace(envelope, payload=payload, metadata=metadata, extra=extra)
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
