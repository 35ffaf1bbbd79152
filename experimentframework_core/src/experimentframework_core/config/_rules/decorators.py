"""Rules between the options of one decorator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config._model.decorators import OutcomeCollectionDecoratorOptions
from experimentframework_core.config._problems.breach import Breach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.config._model.decorators import (
        CircuitBreakerDecoratorOptions,
        TimeoutDecoratorOptions,
    )

_DEFAULTS = OutcomeCollectionDecoratorOptions()
_READ_ONLY_WITH = {
    "duration_metric_name": ("durationMetricName", "collect_duration", "collectDuration"),
    "error_metric_name": ("errorMetricName", "collect_errors", "collectErrors"),
    "success_metric_name": ("successMetricName", "collect_errors", "collectErrors"),
    "max_batch_size": ("maxBatchSize", "enable_batching", "enableBatching"),
    "batch_flush_interval": ("batchFlushInterval", "enable_batching", "enableBatching"),
}


def timeout_breaches(options: TimeoutDecoratorOptions, path: str) -> Iterator[Breach]:
    """Yield a condition to fall back to that is missing or not read."""
    yield from _fallback(options.on_timeout, options.fallback_trial_key, path, "onTimeout")


def breaker_breaches(options: CircuitBreakerDecoratorOptions, path: str) -> Iterator[Breach]:
    """Yield two thresholds at once, and a condition that is missing or not read."""
    yield from _fallback(options.on_circuit_open, options.fallback_trial_key, path, "onCircuitOpen")
    if options.failure_threshold is not None and options.failure_ratio_threshold is not None:
        message = "stands for the same as failureRatioThreshold; leave one out"
        yield Breach(f"{path}.failureThreshold", message, (f"{path}.failureRatioThreshold",))


def _fallback(action: str, key: str | None, path: str, said_by: str) -> Iterator[Breach]:
    where, reads = f"{path}.fallbackTrialKey", (f"{path}.{said_by}",)
    falls_back = action == "fallbackToSpecificTrial"
    if falls_back and key is None:
        yield Breach(where, f"missing; {said_by}: fallbackToSpecificTrial needs it", reads)
    if not falls_back and key is not None:
        message = f"has no effect without {said_by}: fallbackToSpecificTrial; leave it out"
        yield Breach(where, message, reads)


def outcome_breaches(options: OutcomeCollectionDecoratorOptions, path: str) -> Iterator[Breach]:
    """Yield what is not read because what it belongs to is off."""
    for name, (key, switch, switch_key) in _READ_ONLY_WITH.items():
        said = getattr(options, name) != getattr(_DEFAULTS, name)
        if said and not getattr(options, switch):
            message = f"has no effect without {switch_key}: true; leave it out"
            yield Breach(f"{path}.{key}", message, (f"{path}.{switch_key}",))
