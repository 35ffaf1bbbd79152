"""Events as requests of OTLP, OpenTelemetry's protocol; needs the extra ``otlp``.

Messages are made where they stand, because protobuf copies what is put into another.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from experimentframework_core._traceparent import parse
from experimentframework_core.backplanes._otel.attributes import describe
from experimentframework_core.backplanes._otel.identity import span_ids
from experimentframework_core.backplanes._otel.scope import EVENT_NAMES, SCOPE, version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

    from experimentframework_core.backplanes._otel.attributes import Value
    from experimentframework_core.envelope import Record

SAMPLED = 1
_severity_texts = {9: "INFO", 13: "WARN", 17: "ERROR"}


def traces_request(resource: Mapping[str, str]) -> tuple[ExportTraceServiceRequest, ScopeSpans]:
    """Return a request without spans, and where in it they go."""
    request = ExportTraceServiceRequest()
    sent = request.resource_spans.add()
    _set_attributes(sent.resource.attributes, resource)
    return request, sent.scope_spans.add(scope=_scope())


def logs_request(resource: Mapping[str, str]) -> tuple[ExportLogsServiceRequest, ScopeLogs]:
    """Return a request without log records, and where in it they go."""
    request = ExportLogsServiceRequest()
    sent = request.resource_logs.add()
    _set_attributes(sent.resource.attributes, resource)
    return request, sent.scope_logs.add(scope=_scope())


def add_span(scope: ScopeSpans, record: Record) -> None:
    """Add an event as a span without duration."""
    event = describe(record)
    ids = span_ids(event.event_id, parse(record.traceparent))
    span = scope.spans.add(
        trace_id=ids.trace_id,
        span_id=ids.span_id,
        parent_span_id=ids.parent_id,
        flags=SAMPLED,
        name=event.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=event.time_ns,
        end_time_unix_nano=event.time_ns,
    )
    _set_attributes(span.attributes, event.attributes)
    if event.problem is not None:
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = event.problem


def add_log(scope: ScopeLogs, record: Record) -> None:
    """Add an event as a log record that is observed now."""
    event = describe(record)
    log: LogRecord = scope.log_records.add(
        time_unix_nano=event.time_ns,
        observed_time_unix_nano=time.time_ns(),
        severity_number=event.severity,
        severity_text=_severity_texts[event.severity],
        event_name=EVENT_NAMES + record.event_type,
    )
    log.body.string_value = record.body.decode()
    _set_attributes(log.attributes, event.attributes)
    if (context := parse(record.traceparent)) is not None:
        log.trace_id, log.span_id, log.flags = context


def _scope() -> InstrumentationScope:
    return InstrumentationScope(name=SCOPE, version=version())


def _set_attributes(
    attributes: RepeatedCompositeFieldContainer[KeyValue],
    values: Mapping[str, Value] | Mapping[str, str],
) -> None:
    for name, value in values.items():
        _set(attributes.add(key=name).value, value)


def _set(place: AnyValue, value: Value) -> None:
    if isinstance(value, str):
        place.string_value = value
    elif isinstance(value, bool):
        place.bool_value = value
    elif isinstance(value, int):
        place.int_value = value
    elif isinstance(value, float):
        place.double_value = value
    else:
        place.array_value.SetInParent()
        for each in value:
            _set(place.array_value.values.add(), each)
