"""What is wrapped around every trial: the decorators and their options."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from experimentframework_core.config._model.data_plane import Count, Options
from experimentframework_core.config._model.values import Label, Name, OptionsOfType
from experimentframework_core.units import Delay

OnTrouble: TypeAlias = Literal["throw", "fallbackToDefault", "fallbackToSpecificTrial"]


class LoggingDecoratorOptions(Options, frozen=True, kw_only=True):
    """Options of the decorator ``logging``.

    Attributes:
        benchmarks: Log how long each call takes.
        error_logging: Log each call that fails.
    """

    benchmarks: bool = False
    error_logging: bool = False


class TimeoutDecoratorOptions(Options, frozen=True, kw_only=True):
    """Options of the decorator ``timeout``.

    Attributes:
        timeout: How long a call may take.
        on_timeout: What happens then: ``throw``, ``fallbackToDefault`` (the control) or
            ``fallbackToSpecificTrial``.
        fallback_trial_key: The condition of ``fallbackToSpecificTrial``; required there.
    """

    timeout: Delay = 30_000
    on_timeout: OnTrouble = "fallbackToDefault"
    fallback_trial_key: Name | None = None


class CircuitBreakerDecoratorOptions(Options, frozen=True, kw_only=True):
    """Options of the decorator ``circuitBreaker``.

    Attributes:
        failure_threshold: Failures in a row that open the circuit. None: 5, or not counted where
            ``failureRatioThreshold`` is given.
        minimum_throughput: Fewest calls within ``samplingDuration`` before the circuit can open.
        sampling_duration: The time over which the share of failures is taken.
        break_duration: How long the circuit stays open before a call is tried.
        failure_ratio_threshold: The share of failed calls that opens the circuit, more than 0 to
            1; instead of ``failureThreshold``.
        on_circuit_open: What happens to a call then: ``throw``, ``fallbackToDefault`` (the
            control) or ``fallbackToSpecificTrial``.
        fallback_trial_key: The condition of ``fallbackToSpecificTrial``; required there.
    """

    failure_threshold: Count | None = None
    minimum_throughput: Count = 10
    sampling_duration: Delay = 10_000
    break_duration: Delay = 30_000
    failure_ratio_threshold: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    on_circuit_open: OnTrouble = "throw"
    fallback_trial_key: Name | None = None


class OutcomeCollectionDecoratorOptions(Options, frozen=True, kw_only=True):
    """Options of the decorator ``outcomeCollection``.

    Attributes:
        auto_generate_ids: Give each outcome an id.
        auto_set_timestamps: Give each outcome the time.
        collect_duration: Take the duration of each call as an outcome.
        collect_errors: Take each call's error, or that it had none, as an outcome.
        duration_metric_name: The name of the outcome that is a duration.
        error_metric_name: The name of the outcome that is an error.
        success_metric_name: The name of the outcome of a call without error.
        enable_batching: Write outcomes in batches.
        max_batch_size: Most outcomes in one batch.
        batch_flush_interval: Longest wait for a batch to fill.
    """

    auto_generate_ids: bool = True
    auto_set_timestamps: bool = True
    collect_duration: bool = True
    collect_errors: bool = True
    duration_metric_name: Label = "duration_seconds"
    error_metric_name: Label = "error"
    success_metric_name: Label = "success"
    enable_batching: bool = False
    max_batch_size: Count = 100
    batch_flush_interval: Delay = 5000


class DecoratorOptions(Options, frozen=True, kw_only=True):
    """One decorator of the pipeline around every trial, the outermost first.

    Attributes:
        type: ``logging``, ``timeout``, ``metrics``, ``killSwitch``, ``circuitBreaker``,
            ``outcomeCollection``, ``exposureLogging``, ``custom``, or a decorator that an
            installed package offers.
        type_name: The type that a ``custom`` decorator is made by; required there.
        options: The options of ``logging``, ``timeout``, ``circuitBreaker``,
            ``outcomeCollection`` or a package's decorator, and any keys for ``custom``. None: all
            defaults.
    """

    type: Label
    type_name: Label | None = None
    options: OptionsOfType = None
