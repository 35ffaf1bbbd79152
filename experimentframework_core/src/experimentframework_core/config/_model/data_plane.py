"""The options that a file, a JSON document and Python code share. Defaults live only here."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.status import Ack
from experimentframework_core.units import ByteSize, Delay, Milliseconds, Secret

Count = Annotated[int, msgspec.Meta(ge=1)]
Lanes = Annotated[int, msgspec.Meta(ge=1, le=64)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
BufferType = Literal["memory", "disk"]
ExposureSemantics = Literal["onDecision", "onFirstUse", "explicit"]
OnFailure = Literal["deadLetter", "drop"]
WhenFull = Literal["dropNewest", "dropOldest", "block", "overflow"]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class Options(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base of every options class: frozen, keyword-only, camelCase in files."""


class PiiRedactionOptions(Options, frozen=True, kw_only=True):
    """What is hidden before an event is encoded, at every destination.

    Attributes:
        redact_subject_ids: Hide the subject id.
        redact_tenant_ids: Hide the tenant id.
        redact_fields: Payload fields or keys of ``attributes`` and ``data`` to hide, by wire name.
        redaction_placeholder: What is written instead.
        hash_key: Writes HMAC-SHA256 pseudonyms under this key instead of the placeholder, so
            that events of one subject can still be joined.
    """

    redact_subject_ids: bool = False
    redact_tenant_ids: bool = False
    redact_fields: tuple[Text, ...] = ()
    redaction_placeholder: Text = "[REDACTED]"
    hash_key: Secret | None = None


class RepeatExposureOptions(Options, frozen=True, kw_only=True):
    """What becomes of exposures that a subject had before; not of those given to ``publish``.

    A repeat has the experiment, variant, subject and tenant of an exposure that the process
    remembers.

    Attributes:
        detect: Mark repeats with ``isRepeatExposure``.
        suppress: Do not publish repeats; they are counted as filtered, with the reason ``repeat``.
        remember: How many exposures are remembered at most, in about 125 bytes each; the latest
            half of that many always are.
        window_ms: How long after the first one an exposure is a repeat. None: while it is
            remembered.
    """

    detect: bool = True
    suppress: bool = False
    remember: Annotated[int, msgspec.Meta(ge=2)] = 100_000
    window_ms: Delay | None = None


class BufferOptions(Options, frozen=True, kw_only=True):
    """Where accepted events wait, how many, and what happens when there is no room.

    Attributes:
        type: ``memory``, or ``disk`` to keep them through the loss of the process.
        max_events: Most events that wait. None: 10,000 in memory, 1,000,000 on disk.
        max_bytes: Most bytes that wait, counted as body + 400 for each event. None: 64 MiB in
            memory, 1 GiB on disk.
        when_full: ``dropNewest``, ``dropOldest``, ``block`` (the caller waits) or ``overflow``
            (from memory to disk). None: ``dropNewest`` in memory, ``block`` on disk.
        block_timeout_ms: How long ``block`` waits before BufferFullError.
        path: The folder of a disk buffer; required for ``disk`` and ``overflow``.
        commit_interval_ms: How long a disk buffer gathers events for one synced commit, unless 64
            are there that publishers await.
    """

    type: BufferType = "memory"
    max_events: Count | None = None
    max_bytes: ByteSize | None = None
    when_full: WhenFull | None = None
    block_timeout_ms: Milliseconds = 1000
    path: Text | None = None
    commit_interval_ms: Milliseconds = 5


class RetryOptions(Options, frozen=True, kw_only=True):
    """How a delivery that failed for now is tried again.

    Attributes:
        initial_delay_ms: The bound of the first wait.
        max_delay_ms: The bound of every wait.
        multiplier: What the bound grows by at each attempt.
        jitter: ``full``: the wait is drawn evenly between zero and the bound.
        max_attempts: Refusals of one record while the destination answers before ``onFailure``
            applies; attempts during an outage do not count. None: for ever.
        max_age_ms: Age at which an event expires undelivered. None: never.
    """

    initial_delay_ms: Delay = 100
    max_delay_ms: Delay = 30_000
    multiplier: Annotated[float, msgspec.Meta(ge=1)] = 2.0
    jitter: Literal["full"] = "full"
    max_attempts: Count | None = None
    max_age_ms: Delay | None = None


class BreakerOptions(Options, frozen=True, kw_only=True):
    """When a destination counts as down, and how often it is probed.

    Attributes:
        failure_threshold: Failed deliveries in a row that open the breaker.
        open_ms: The first pause before a probe.
        max_open_ms: The longest pause; it doubles from ``openMs``.
    """

    failure_threshold: Count = 5
    open_ms: Delay = 1000
    max_open_ms: Delay = 30_000


class DeadLetterStoreOptions(Options, frozen=True, kw_only=True):
    """Options of the dead-letter types ``sqlite`` and ``file``.

    Attributes:
        path: The file. None: ``deadletters.db`` or ``deadletters.ndjson`` in ``buffer.path``, or
            in the user's state folder where the buffer is in memory.
    """

    path: Text | None = None


class DeadLetterOptions(Options, frozen=True, kw_only=True):
    """Where events go that are refused for ever or out of attempts.

    Attributes:
        type: ``sqlite`` (a file for dead letters, no event store), ``file`` (lines of JSON, only
            ever appended to), or the type of another backplane.
        options: The type's options: those below for ``sqlite`` and ``file``, else the plugin's.
            None: all its defaults.
    """

    type: Text = "sqlite"
    options: msgspec.Struct | None = None


class BackplaneOptions(Options, frozen=True, kw_only=True):
    """A destination, and what it overrides of ``dataPlane``.

    A nested section (``buffer``, ``retry``, ``breaker``, ``deadLetter``) replaces the one of
    ``dataPlane`` as a whole.

    Attributes:
        type: ``inMemory``, ``logging``, ``sqlite``, an installed plugin's type, or ``composite``
            (every one of ``backplanes``) or ``failover`` (the first of ``backplanes`` that works).
        options: The plugin's options. None: all its defaults.
        name: The name in health, statistics and logs; unique in the plane. None: the type.
        events: The event types that it takes. None: all.
        backplanes: The destinations of a ``composite`` or ``failover``, in order.
        require: On a ``composite``, whether ``all`` or ``any`` of its destinations must reach an
            acknowledgement. None: all.
        batch_size: As in ``dataPlane``. None: not said here.
        batch_bytes: As in ``dataPlane``. None: not said here.
        flush_interval_ms: As in ``dataPlane``. None: not said here.
        buffer: As in ``dataPlane``. None: not said here.
        retry: As in ``dataPlane``. None: not said here.
        breaker: As in ``dataPlane``. None: not said here.
        concurrency: As in ``dataPlane``. None: not said here.
        delivery_timeout_ms: As in ``dataPlane``. None: not said here.
        open_timeout_ms: As in ``dataPlane``. None: not said here.
        ack_timeout_ms: As in ``dataPlane``. None: not said here.
        max_event_bytes: As in ``dataPlane``. None: not said here.
        on_failure: As in ``dataPlane``. None: not said here.
        dead_letter: As in ``dataPlane``. None: not said here.
    """

    type: Text
    options: ChannelSettings | None = None
    name: Text | None = None
    events: tuple[Text, ...] | None = None
    backplanes: tuple[BackplaneOptions, ...] | None = None
    require: Literal["all", "any"] | None = None
    batch_size: Count | None = None
    batch_bytes: ByteSize | None = None
    flush_interval_ms: Milliseconds | None = None
    buffer: BufferOptions | None = None
    retry: RetryOptions | None = None
    breaker: BreakerOptions | None = None
    concurrency: Lanes | None = None
    delivery_timeout_ms: Delay | None = None
    open_timeout_ms: Delay | None = None
    ack_timeout_ms: Delay | None = None
    max_event_bytes: ByteSize | None = None
    on_failure: OnFailure | None = None
    dead_letter: DeadLetterOptions | None = None


class ReloadOptions(Options, frozen=True, kw_only=True):
    """Whether a plane that was made from files looks for changes in them.

    Attributes:
        watch: Look at the files now and then, and reload the plane when they have changed. Only a
            plane of ``DataPlane.from_file`` has files.
        interval_ms: The time between two looks.
    """

    watch: bool = False
    interval_ms: Delay = 1000


class DataPlaneOptions(Options, frozen=True, kw_only=True):
    """The section ``dataPlane``: what is published, how it waits, where it goes.

    Attributes:
        enable_exposure_events: Take ``exposure`` events.
        enable_assignment_events: Take ``assignment`` events.
        enable_outcome_events: Take ``outcome`` events.
        enable_analysis_signals: Take ``analysisSignal`` events.
        enable_error_events: Take ``error`` events.
        enable_governance_events: Take ``governance`` events.
        exposure_semantics: When the exposure of a ``decide`` is published: ``onDecision`` at once,
            ``onFirstUse`` when the decision is first used, ``explicit`` when it is asked for.
        repeat_exposures: What becomes of exposures that a subject had before.
        sampling_rate: The share of subjects whose events are kept, 0 to 1.
        sampling_salt: The BLAKE2b key of the sampling decision; at most 64 bytes in UTF-8.
        pii_redaction: What is hidden before an event is encoded.
        batch_size: Most records in one delivery.
        batch_bytes: Most bytes of bodies in one delivery.
        flush_interval_ms: Longest wait for a batch to fill.
        buffer: Where accepted events wait.
        retry: How a failed delivery is tried again.
        breaker: When a destination counts as down.
        concurrency: Deliveries side by side for each backplane; one ordering key stays in one.
        delivery_timeout_ms: Time after which a delivery is cancelled and counts as possibly sent.
        open_timeout_ms: Time to open a backplane.
        ack_timeout_ms: Longest wait of ``publish`` for an acknowledgement.
        max_event_bytes: Most bytes of one encoded event.
        on_failure: ``deadLetter`` or ``drop``, for what is refused or out of attempts.
        dead_letter: The dead-letter store.
        ack: What a bare ``publish`` waits for: ``accepted``, ``durable`` or ``delivered``.
        shutdown_timeout_ms: Time to drain when the plane closes.
        reload: Whether the files are watched.
        backplane: Where events go. None: given to ``DataPlane`` in Python.
        max_queue_size: The older spelling of ``buffer.maxEvents``.
        failure_mode: The older spelling of ``buffer.whenFull``: ``drop`` is ``dropNewest``.
    """

    enable_exposure_events: bool = True
    enable_assignment_events: bool = True
    enable_outcome_events: bool = True
    enable_analysis_signals: bool = True
    enable_error_events: bool = True
    enable_governance_events: bool = True
    exposure_semantics: ExposureSemantics = "onDecision"
    repeat_exposures: RepeatExposureOptions = RepeatExposureOptions()
    sampling_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    sampling_salt: Text = "experimentframework.sampling.v1"
    pii_redaction: PiiRedactionOptions = PiiRedactionOptions()
    batch_size: Count = 500
    batch_bytes: ByteSize = MIB
    flush_interval_ms: Milliseconds = 1000
    buffer: BufferOptions = BufferOptions()
    retry: RetryOptions = RetryOptions()
    breaker: BreakerOptions = BreakerOptions()
    concurrency: Lanes = 1
    delivery_timeout_ms: Delay = 30_000
    open_timeout_ms: Delay = 10_000
    ack_timeout_ms: Delay = 30_000
    max_event_bytes: ByteSize = 256 * KIB
    on_failure: OnFailure = "deadLetter"
    dead_letter: DeadLetterOptions = DeadLetterOptions()
    ack: Ack = "accepted"
    shutdown_timeout_ms: Milliseconds = 10_000
    reload: ReloadOptions = ReloadOptions()
    backplane: BackplaneOptions | None = None
    max_queue_size: Count | None = None
    failure_mode: Literal["drop", "block"] | None = None
