"""OpenTelemetry's instruments: one set for each meter provider, whatever planes there are."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from threading import RLock
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

import msgspec
from opentelemetry import metrics as otel

from experimentframework_core._metrics.measurement import Measurement, combined
from experimentframework_core._metrics.table import BATCH_SIZE, DURATION, METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from experimentframework_core._metrics.deliveries import Outcome
    from experimentframework_core._metrics.table import Metric

SCOPE = "experimentframework"


class Observed(Protocol):
    """A plane, as far as it is measured."""

    def counted(self) -> Sequence[Measurement]:
        """Return what its statistics and health say, from any thread."""


class ClashError(Exception):
    """Another instrument of the meter has one of our names."""


class _Seen(msgspec.Struct, frozen=True):
    """What is observed: open planes, and what the counters of closed ones ended with."""

    planes: tuple[Observed, ...] = ()
    ended: tuple[Measurement, ...] = ()


class Instruments:
    """Observes planes; the counters of one that has ended keep what they said."""

    def __init__(self, meter: otel.Meter) -> None:
        """Make the instruments of ``meter``.

        Raises:
            ClashError: The meter has an instrument with one of our names.
        """
        if taken := sorted(_names_of(meter) & {metric.name for metric in METRICS}):
            message = f"{taken[0]!r} is there already, in the meter {SCOPE!r}"
            raise ClashError(message)
        self._seen = _Seen()
        self._lock = RLock()
        self._duration = _histogram(meter, DURATION)
        self._size = _histogram(meter, BATCH_SIZE)
        makers = {
            "counter": meter.create_observable_counter,
            "upDownCounter": meter.create_observable_up_down_counter,
            "gauge": meter.create_observable_gauge,
        }
        for metric in METRICS:
            if make := makers.get(metric.kind):
                make(metric.name, [self._observe(metric)], metric.unit, metric.description)

    def begin(self, plane: Observed) -> None:
        """Observe a plane."""
        with self._lock:
            self._seen = _Seen((*self._seen.planes, plane), self._seen.ended)

    def end(self, plane: Observed) -> None:
        """Keep what the plane's counters say, and observe it no longer."""
        last = [each for each in plane.counted() if each.metric.kind == "counter"]
        with self._lock:
            others = tuple(each for each in self._seen.planes if each is not plane)
            self._seen = _Seen(others, tuple(combined([*self._seen.ended, *last])))

    def forget(self) -> None:
        """In a forked child: all that was counted is the parent's to tell."""
        self._lock = RLock()
        self._seen = _Seen()

    def record(self, backplane: str, size: int, seconds: float, outcome: Outcome) -> None:
        """Record a delivery."""
        self._duration.record(seconds, {"backplane": backplane, "outcome": outcome})
        self._size.record(size, {"backplane": backplane})

    def _observe(
        self, metric: Metric
    ) -> Callable[[otel.CallbackOptions], Iterator[otel.Observation]]:
        def observe(_options: otel.CallbackOptions) -> Iterator[otel.Observation]:
            seen = self._seen
            all_of_it = [*seen.ended, *(each for plane in seen.planes for each in plane.counted())]
            for each in combined(each for each in all_of_it if each.metric is metric):
                if not isinstance(each.value, int | float):
                    continue
                names = dict(zip(metric.attributes, each.attributes, strict=True))
                yield otel.Observation(each.value, names)

        return observe


def _histogram(meter: otel.Meter, metric: Metric) -> otel.Histogram:
    return meter.create_histogram(
        metric.name,
        metric.unit,
        metric.description,
        explicit_bucket_boundaries_advisory=metric.buckets,
    )


def _names_of(meter: otel.Meter) -> set[str]:
    """Return the names of the meter's instruments, as far as the API keeps them.

    OpenTelemetry takes a second instrument of a name without a word, and what is exported then
    has two metrics of one name, or only the first one's values.
    """
    known = getattr(meter, "_instrument_ids", None) or ()
    return {str(each).partition(",")[0] for each in known}


_of_provider: WeakKeyDictionary[otel.MeterProvider, Instruments] = WeakKeyDictionary()
_of_process: list[Instruments] = []
_making = RLock()


def instruments_of(provider: otel.MeterProvider | None) -> Instruments:
    """Return the instruments of a provider; None is the process's own, also a later one.

    Raises:
        Exception: What the provider raises.
        ClashError: It has instruments with one of our names.
    """
    with _making:
        if provider is None or provider is otel.get_meter_provider():
            if not _of_process:
                _of_process.append(Instruments(otel.get_meter(SCOPE, _version())))
            return _of_process[0]
        if provider not in _of_provider:
            _of_provider[provider] = Instruments(provider.get_meter(SCOPE, _version()))
        return _of_provider[provider]


def _version() -> str:
    try:
        return version("experimentframework-core")
    except PackageNotFoundError:
        return ""
