"""Events as requests of OTLP, OpenTelemetry's protocol; needs the extra ``otlp``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from experimentframework_core._traceparent import parse
from experimentframework_core.backplanes._otel.attributes import describe
from experimentframework_core.backplanes._otel.identity import span_ids
from experimentframework_core.backplanes._otel.scope import EVENT_NAMES, SCOPE, version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experimentframework_core.backplanes._otel.attributes import Value
    from experimentframework_core.envelope import Record

SAMPLED = 1
_severity_texts = {9: "INFO", 13: "WARN", 17: "ERROR"}


def traces_request(spans: Sequence[Span], resource: Mapping[str, str]) -> ExportTraceServiceRequest:
    """Return a request with spans, in their order."""
    scope_spans = [ScopeSpans(scope=_scope(), spans=spans)] if spans else []
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=_resource(resource), scope_spans=scope_spans)]
    )


def logs_request(
    logs: Sequence[LogRecord], resource: Mapping[str, str]
) -> ExportLogsServiceRequest:
    """Return a request with log records, in their order."""
    scope_logs = [ScopeLogs(scope=_scope(), log_records=logs)] if logs else []
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=_resource(resource), scope_logs=scope_logs)]
    )


def span_of(record: Record) -> Span:
    """Return an event as a span without duration."""
    event = describe(record)
    ids = span_ids(event.event_id, parse(record.traceparent))
    span = Span(
        trace_id=ids.trace_id,
        span_id=ids.span_id,
        parent_span_id=ids.parent_id,
        flags=SAMPLED,
        name=event.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=event.time_ns,
        end_time_unix_nano=event.time_ns,
        attributes=_attributes(event.attributes),
    )
    if event.problem is not None:
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=event.problem))
    return span


def log_of(record: Record) -> LogRecord:
    """Return an event as a log record that is observed now."""
    event = describe(record)
    log = LogRecord(
        time_unix_nano=event.time_ns,
        observed_time_unix_nano=time.time_ns(),
        severity_number=event.severity,  # type: ignore[arg-type]  # a number of the enumeration
        severity_text=_severity_texts[event.severity],
        event_name=EVENT_NAMES + record.event_type,
        body=AnyValue(string_value=record.body.decode()),
        attributes=_attributes(event.attributes),
    )
    if (context := parse(record.traceparent)) is not None:
        log.trace_id, log.span_id, log.flags = context
    return log


def _scope() -> InstrumentationScope:
    return InstrumentationScope(name=SCOPE, version=version())


def _resource(attributes: Mapping[str, str]) -> Resource:
    return Resource(attributes=_attributes(attributes))


def _attributes(attributes: Mapping[str, Value] | Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_any(value)) for name, value in attributes.items()]


def _any(value: Value) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=map(_any, value)))
