"""What the author of a backplane implements: one object with one method, and its description."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Annotated, Generic, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec

from experimentframework_core.envelope import Envelope, Record
from experimentframework_core.units import ByteSize, Milliseconds


@runtime_checkable
class Backplane(Protocol):
    """One open connection to a destination. Never called concurrently for one instance."""

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Return once every record is durable at the other side; at once for an empty batch.

        Being cancelled means: not confirmed, possibly delivered. The same records come again.

        Raises:
            TransientError: Not confirmed, possibly delivered; called again with the same records
                after a backoff, at least ``retry_after`` seconds.
            UnavailableError: The destination is misconfigured or refuses us. Called again with
                long backoff, health is unhealthy; never dead-lettered, never bisected.
            PermanentError: This batch as such is refused and nothing of it is delivered; the
                channel looks for the record that is to blame.
            PartialBatchError: All indexes that it does not name are delivered. An ordered
                backplane, once a record failed transiently, delivers no later record of its
                ordering key in that call.
            Exception: Anything else is a bug of the plugin: three tries, then treated like
                PermanentError, with the traceback in the dead letter.
        """


@runtime_checkable
class Pingable(Protocol):
    """A backplane that can say whether its destination answers, without delivering.

    `ping` may be called while a delivery is under way.
    """

    async def ping(self) -> None:
        """Return if the destination answers and would take events; else raise DeliveryError."""


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin guarantees; the conformance kit checks exactly this.

    Attributes:
        ordered: Records of one ordering key arrive in the order in which they were delivered.
        deduplicates: A record delivered twice is stored once.
        durable: What ``deliver`` confirmed survives the loss of the process.
        readable: The plugin has a ``read``.
        partial_failures: ``deliver`` names the failed records of a batch.
    """

    ordered: bool = False
    deduplicates: bool = False
    durable: bool = False
    readable: bool = False
    partial_failures: bool = False


class OpenContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a backplane is told when it is opened.

    Attributes:
        name: The backplane's name in the configuration; unique in its data plane.
        lane: Which of the ``lanes`` instances this is, from 0.
        lanes: How many instances the channel opens (``concurrency``).
        delivery_timeout: Seconds after which a delivery is cancelled.
    """

    name: str
    lane: int = 0
    lanes: int = 1
    delivery_timeout: float = 30.0


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to read back. Every given criterion must hold; empty means everything.

    Attributes:
        types: Event types by name.
        experiments: Experiment names.
        subjects: Subject ids, as stored (redacted ones by their pseudonym).
        correlation_id: One correlation id.
        since: The first time, inclusive; compared with the event's own time.
        until: The last time, exclusive.
        checkpoint: Where an earlier reading of the same source stopped, as that reader gave it.
        follow: Go on waiting for new events instead of stopping at the end.
    """

    types: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    correlation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    checkpoint: str | None = None
    follow: bool = False

    def selects(self, record: Record) -> bool:
        """Return whether an event meets every criterion that is given."""
        at = None if self.since is None and self.until is None else record.timestamp
        return (
            (not self.types or record.event_type in self.types)
            and (not self.experiments or record.experiment in self.experiments)
            and (not self.subjects or record.subject in self.subjects)
            and self.correlation_id in (None, record.correlation_id)
            and (at is None or self.since is None or self.since <= at)
            and (at is None or self.until is None or at < self.until)
        )


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Settings of the channel that every options class accepts: derive options from it.

    None means: not said here. Most specific wins: the plugin's options, then the backplane's
    node, then the plugin's ``channel_defaults``, then ``dataPlane``.

    Attributes:
        batch_size: Most records in one delivery.
        batch_bytes: Most bytes of bodies in one delivery.
        flush_interval_ms: Longest wait for a batch to fill.
        concurrency: How many instances deliver side by side; one ordering key stays in one.
    """

    batch_size: Annotated[int, msgspec.Meta(ge=1)] | None = None
    batch_bytes: ByteSize | None = None
    flush_interval_ms: Milliseconds | None = None
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None


OptionsT = TypeVar("OptionsT", bound=ChannelSettings)

Severity: TypeAlias = Literal["error", "warning", "information"]
"""How bad a problem of a configuration is: only an error keeps it from being loaded."""

Finding: TypeAlias = (
    tuple[str, str] | tuple[str, str, Severity] | tuple[str, str, Severity, tuple[str, ...]]
)
"""What a plugin's ``check`` yields: the key's path in the options, what is wrong, how bad it is.

Without the third it is an error. The fourth names the other options that were looked at, as in
``("flushIntervalMs",)``; where they stand in another file, that is said too. ``check`` is given
defaults for options that are wrong: a finding without a fourth is told only where all are good.
"""


class BackplanePlugin(msgspec.Struct, Generic[OptionsT], frozen=True, kw_only=True):
    """A backplane type: what the entry point group ``experimentframework.backplanes`` offers.

    Attributes:
        type: The ``type`` of the configuration, in camelCase; also the entry point's name.
        options: The options class, whose defaults are the configuration's defaults. Derive it from
            `ChannelSettings` and say ``frozen=True, kw_only=True, rename="camel"`` again: msgspec
            does not inherit them all.
        open: Opens one instance. May raise TransientError or UnavailableError; it is tried again.
        features: What the plugin guarantees.
        read: Yields envelopes back, in the source's order, each as it was delivered: encoding it
            again gives the same bytes. Nothing is opened before the first is asked for; the
            iterator may have ``aclose()``, which releases what was. Where the source has
            positions, the iterator has a ``checkpoint``: the text to resume behind what it yielded
            last, None at the start. A checkpoint that is none of this source's is a ReplayError.
            What is no event is a ReplayError with the stored ``record``; what retention took away
            behind the selection's checkpoint, or while it is read, is one with ``lost``. Both
            leave the checkpoint behind it, and asking the iterator again may go on there. A reader
            that finds a time only by reading everything before it has ``finds_times = False``.
        read_records: Like ``read``, but yields what is stored as records, with the bytes that were
            delivered: what a replay wants. Such an iterator, and that of ``read``, may have a
            ``progress`` too: how much of what it goes through lies behind it, from 0 to 1, or None
            while that is not known. Absent: what ``read`` yields is encoded anew.
        check: Yields ``(path, message)`` for what the options' types cannot say, as in
            ``("queueName", "give queueName or topicName, not both")``; see `Finding` for how to say
            that it is no error, and which other options it is about.
        channel_defaults: The plugin's own defaults of the channel's settings, given its options.
        ordering_key: Names what must stay in order. Absent: the experiment, then the event id.
        other_names: What to say instead of an option's name in other clients, by that name in any
            spelling, as in ``{"bootstrap.servers": "brokers"}``.
        attempts_option: The field of the options that is another spelling of
            ``retry.maxAttempts``, where they have one; None in it means that nothing is said.
    """

    type: str
    options: builtins.type[OptionsT]
    open: Callable[[OptionsT, OpenContext], AbstractAsyncContextManager[Backplane]]
    features: Features = Features()
    read: Callable[[OptionsT, Selection], AsyncIterator[Envelope]] | None = None
    read_records: Callable[[OptionsT, Selection], AsyncIterator[Record]] | None = None
    check: Callable[[OptionsT], Iterable[Finding]] | None = None
    channel_defaults: Callable[[OptionsT], ChannelSettings] | None = None
    ordering_key: Callable[[Record, OptionsT], str | None] | None = None
    other_names: Mapping[str, str] = msgspec.field(default_factory=dict)
    attempts_option: str | None = None
