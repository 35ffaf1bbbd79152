"""The table of metrics: names, units, attributes. The reference page is made from it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["counter", "upDownCounter", "gauge", "histogram"]
"""OpenTelemetry's kinds of instruments."""

EVENTS = "{event}"
BYTES = "By"
SECONDS = "s"

_WORDS = {BYTES: "bytes", SECONDS: "seconds"}


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        name: Its name in OpenTelemetry.
        kind: The kind of instrument.
        unit: By the Unified Code for Units of Measure, as OpenTelemetry writes them.
        description: What it tells, in one sentence.
        attributes: The names of its attributes.
        together: How several planes of one process are put together.
        buckets: A histogram's upper bounds; empty for all others.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    together: Literal["sum", "max", "min"] = "sum"
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_name(self) -> str:
        """The name in Prometheus, as OpenTelemetry's exporters translate it."""
        name = self.name.replace(".", "_")
        word = _WORDS.get(self.unit)
        if word and not name.endswith(f"_{word}"):
            name = f"{name}_{word}"
        return f"{name}_total" if self.kind == "counter" else name


def _counted(fate: str, description: str, *attributes: str) -> Metric:
    return Metric(
        name=f"experimentframework.events.{fate}",
        kind="counter",
        unit=EVENTS,
        description=description,
        attributes=attributes,
    )


PUBLISHED = _counted("published", "Calls of publish in all its forms.")
ACCEPTED = _counted("accepted", "Events offered to the backplanes.", "event_type")
FILTERED = _counted(
    "filtered", "Events that are not wanted: toggle, sampled, unrouted and the like.", "reason"
)
REJECTED = _counted("rejected", "Events whose publish raised at the caller.")
DELIVERED = _counted("delivered", "Events that the backplane confirmed.", "backplane", "event_type")
DEAD_LETTERED = _counted(
    "dead_lettered", "Events given up and kept as dead letters.", "backplane", "event_type"
)
DROPPED = _counted("dropped", "Events lost by policy.", "backplane", "event_type", "reason")
EXPIRED = _counted("expired", "Events older than retry.maxAgeMs.", "backplane", "event_type")
RETRIED = _counted("retried", "Events offered again, counted each time.", "backplane")
RECOVERED = _counted("recovered", "Events found in the journals of earlier processes.", "backplane")
SUBJECT_FAILURES = Metric(
    name="experimentframework.subject.failures",
    kind="counter",
    unit="{request}",
    description="Requests whose subject SubjectMiddleware could not find out.",
)

BUFFERED = Metric(
    name="experimentframework.buffer.events",
    kind="upDownCounter",
    unit=EVENTS,
    description="Events in the buffer or in flight.",
    attributes=("backplane",),
)
BUFFERED_BYTES = Metric(
    name="experimentframework.buffer.bytes",
    kind="upDownCounter",
    unit=BYTES,
    description="The same in bytes: body + 400 each.",
    attributes=("backplane",),
)
MOST_EVENTS = Metric(
    name="experimentframework.buffer.max_events",
    kind="upDownCounter",
    unit=EVENTS,
    description="Most events that the buffer takes.",
    attributes=("backplane",),
)
MOST_BYTES = Metric(
    name="experimentframework.buffer.max_bytes",
    kind="upDownCounter",
    unit=BYTES,
    description="Most bytes that the buffer takes.",
    attributes=("backplane",),
)
OLDEST_AGE = Metric(
    name="experimentframework.buffer.oldest_age",
    kind="gauge",
    unit=SECONDS,
    description="Time since the oldest buffered event was accepted; 0 when there is none.",
    attributes=("backplane",),
    together="max",
)
HEALTH = Metric(
    name="experimentframework.backplane.health",
    kind="gauge",
    unit="{level}",
    description="2 healthy, 1 degraded, 0 unhealthy.",
    attributes=("backplane",),
    together="min",
)

DURATION = Metric(
    name="experimentframework.delivery.duration",
    kind="histogram",
    unit=SECONDS,
    description="How long deliveries took, one for each batch.",
    attributes=("backplane", "outcome"),
    buckets=(
        *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
        *(1.0, 2.5, 5.0, 10.0, 30.0),
    ),
)
BATCH_SIZE = Metric(
    name="experimentframework.batch.size",
    kind="histogram",
    unit=EVENTS,
    description="How many events were delivered together.",
    attributes=("backplane",),
    buckets=(1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0),
)

METRICS: tuple[Metric, ...] = (
    PUBLISHED,
    ACCEPTED,
    FILTERED,
    REJECTED,
    DELIVERED,
    DEAD_LETTERED,
    DROPPED,
    EXPIRED,
    RETRIED,
    RECOVERED,
    SUBJECT_FAILURES,
    BUFFERED,
    BUFFERED_BYTES,
    MOST_EVENTS,
    MOST_BYTES,
    OLDEST_AGE,
    HEALTH,
    DURATION,
    BATCH_SIZE,
)
"""Every metric, in the order of the reference page."""
