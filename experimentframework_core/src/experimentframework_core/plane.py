"""The data plane: one `publish`, what an event passes on its way, and a lifecycle."""

from __future__ import annotations

import asyncio
from threading import get_ident
from typing import TYPE_CHECKING, Any, Self, Unpack

import msgspec
from uuid_utils import uuid7

from experimentframework_core._exposure import current
from experimentframework_core._exposure.recorder import Recorder
from experimentframework_core._letters.origin import coming_from
from experimentframework_core._log import logger
from experimentframework_core._metrics.of_plane import PlaneMetrics
from experimentframework_core._plane.bound import Bound
from experimentframework_core._plane.files import Files
from experimentframework_core._plane.overview import health_of
from experimentframework_core._plane.reloading import Reloading
from experimentframework_core._plane.routing import SAMPLED
from experimentframework_core._plane.setup import warned
from experimentframework_core._plane.works import Works
from experimentframework_core._reading.criteria import Criteria, selection_from
from experimentframework_core._reading.of_plane import source_of
from experimentframework_core._reading.stream import EventStream
from experimentframework_core._rules.buffer import CROWDED, FULL
from experimentframework_core.config import DataPlaneOptions
from experimentframework_core.errors import DataPlaneClosedError, PublishError
from experimentframework_core.status import (
    Ack,
    FlushResult,
    Health,
    HealthStatus,
    Receipt,
    ReloadResult,
    Statistics,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import TracebackType

    from opentelemetry.metrics import MeterProvider

    from experimentframework_core._exposure.decision import Decision
    from experimentframework_core._exposure.facts import ExposureFacts
    from experimentframework_core._metrics.measurement import Measurement
    from experimentframework_core._plane.routing import Route
    from experimentframework_core.envelope import Record
    from experimentframework_core.errors import ReplayError
    from experimentframework_core.plugin import Backplane, BackplanePlugin, Selection

CLOSED = "the plane is closed: make a new one"

TURNS = 4
"""Turns of the loop that a delivery needs to begin and to end."""


class DataPlane(Bound):
    """Takes events without blocking and has them delivered to the configured backplanes.

    Use it as an async context manager: entering starts the deliveries in the background (a
    destination that is down does not keep the application from starting), leaving drains within
    ``shutdownTimeoutMs``.

    Attributes:
        options: The options by which it works: those it was made with, until a reload.
        closing: What the closing achieved; None before.
        exposures: What `expose` and `decide` record with; its counts are in `statistics`.
    """

    def __init__(
        self,
        options: DataPlaneOptions | None = None,
        *,
        backplane: Backplane | BackplanePlugin[Any] | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Check the options; nothing is opened.

        Args:
            options: The section ``dataPlane``; None for the defaults.
            backplane: A backplane object, or a plugin that is not installed as an entry point;
                None to use the one that ``options`` name.
            meter_provider: Where OpenTelemetry's instruments are made; None for the process's own
                provider, where the application has imported ``opentelemetry.metrics``.

        Raises:
            ConfigurationError: The options are wrong; it holds every problem.
            TypeError: What was given is neither options nor a backplane.
        """
        super().__init__()
        self._given = backplane
        self._meter_provider = meter_provider
        self._metrics = PlaneMetrics(self.statistics, self._judge, meter_provider)
        self._works = Works(options or DataPlaneOptions(), backplane, self._metrics)
        self.options = self._works.options
        self.closing: FlushResult | None = None
        self._closed: asyncio.Event | None = None
        self._entered = False
        self._reloading = Reloading(self._works, in_force=self._work_by_options)
        self._default_ack: Ack = self.options.ack
        self._short_ways: dict[type, Route] = {}
        self._entrance = self._works.entrance
        self._tally = self._entrance.tally
        self._next_turn = self.options.batch_size
        self.exposures = Recorder(self, lambda: self._is_here)

    @classmethod
    def from_file(
        cls, *paths: str | os.PathLike[str], meter_provider: MeterProvider | None = None
    ) -> Self:
        """Return a plane configured by YAML or JSON files.

        Args:
            paths: Files, and folders in which ``experiments.yaml`` and the like are looked for.
                They are merged from the first to the last. None: the current folder.
            meter_provider: As for `DataPlane`.

        Raises:
            ConfigurationError: A file is wrong; it holds every problem with line and column.
            TypeError: A path is none.
        """
        files = Files(paths)
        options, problems = files.read()
        with warned(problems), coming_from(files.origin):
            plane = cls(options, meter_provider=meter_provider)
        plane._reloading.files = files
        return plane

    def _anew(self) -> DataPlane:
        """Return another plane as this one was made, to be opened by another process."""
        with warned(()), coming_from(self._reloading.origin):
            plane = DataPlane(
                self.options, backplane=self._given, meter_provider=self._meter_provider
            )
        plane._reloading.files = self._reloading.files
        return plane

    async def __aenter__(self) -> Self:
        """Start delivering.

        Raises:
            DataPlaneClosedError: It was opened or closed before; make a new plane.
            JournalError: A disk buffer cannot be used: no rights, no space, a network file system.
        """
        if self.closing is not None and not self._entered:
            raise DataPlaneClosedError(CLOSED)
        self._entered = True
        await self._works.open()
        self._work_by_options()
        self._bind()
        current.opened(self)
        self._reloading.watch()
        self._metrics.open()
        return self

    def _work_by_options(self) -> None:
        self.options = self._works.options
        self._default_ack = self.options.ack
        self._short_ways = self._entrance.router.by_class if self._default_ack == "accepted" else {}
        self._next_turn = self._tally.published + self.options.batch_size

    async def reload(self, options: DataPlaneOptions | None = None) -> ReloadResult:
        """Work by other options from now on, without losing or repeating an event.

        What is published after it returns goes by the new options. Backplanes whose settings are
        the same go on untouched. In the place of another one comes a new one, which takes events
        at once and delivers them when all that was accepted before is delivered: by the former
        settings within their ``shutdownTimeoutMs``, what is left then by the new ones.
        When the new options are refused, those from before go on, and `health` says why: that is
        each of the first three errors.

        Args:
            options: The section ``dataPlane``; None to read again the files of `from_file`.

        Raises:
            ConfigurationError: The options are wrong, or a file is; it holds every problem.
            PluginError: A plugin cannot be loaded.
            JournalError: A new disk buffer cannot be used.
            DataPlaneClosedError: The plane is not open on this loop in this process, or was closed
                meanwhile.
            TypeError: What was given is no `DataPlaneOptions`.
            ValueError: Neither were options given, nor was the plane made from files.
        """
        if not self._is_here:
            self._refuse()
        return await self._reloading.run(options)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the plane."""
        await self.aclose()

    async def aclose(self) -> FlushResult:
        """Stop taking events, deliver within ``shutdownTimeoutMs`` what was taken, and close.

        A plane that was never opened stays closed.

        Returns:
            What was delivered meanwhile, and what was lost; the same at every further call,
            which waits for the first one to end.

        Raises:
            DataPlaneClosedError: The plane was opened on another loop.
        """
        if not self._entered and self.closing is None:
            self.closing = FlushResult(0, 0, timed_out=False)
            self._disable(CLOSED)
        if self._works.doorway is None or self._loop is None:
            if self._closed is not None and self.closing is None:
                await self._closed.wait()
            return self.closing or FlushResult(0, 0, timed_out=False)
        if not self._is_here:
            self._refuse()
        self._closed = asyncio.Event()
        self._works.shut()
        self._disable(CLOSED)
        current.closed(self)
        try:
            await self._reloading.close()
        finally:
            self.closing = self._works.closing()
            self._metrics.close()
            self._closed.set()
        logger.debug("experimentframework.plane_closed", **msgspec.structs.asdict(self.closing))
        return self.closing

    def _abandon(self) -> FlushResult:
        """Be nobody's, where the loop never answers again; from another thread."""
        current.closed(self)
        return self._works.left_behind()

    def after_fork_in_child(self) -> None:
        """Make this copy of the plane unusable: its tasks and connections are the parent's."""
        super().after_fork_in_child()
        current.closed(self)
        self.exposures.after_fork_in_child()
        self._closed = None
        self._metrics.forget()
        if self._works.doorway is not None:
            self._works.doorway.close_in_child()

    async def publish(
        self,
        event: msgspec.Struct,
        *,
        ack: Ack | None = None,
        correlation_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Receipt:
        """Take an event; by default return as soon as it is in the buffer.

        It waits only where it is told to: for an acknowledgement, or for room where the buffer's
        policy is ``block``. A broker that is down is not an error here.

        Args:
            event: A payload of a registered type, or an `Envelope`, whose id and time are kept.
            ack: ``accepted``, ``durable`` or ``delivered``; None for the configured one.
            correlation_id: Ties events of one request together; an `Envelope` has its own.
            metadata: Facts beside the payload; an `Envelope` has its own.

        Raises:
            InvalidEventError: The event has no wire form, or is larger than ``maxEventBytes``.
            BufferFullError: The buffer blocks, and stayed full for ``blockTimeoutMs``.
            DataPlaneClosedError: The plane is not open on this loop in this process.
            DeliveryError: With ``durable`` or ``delivered``: it was dropped, expired or
                dead-lettered before that.
            AckTimeoutError: The acknowledgement did not come in time; the event stays queued.
            ValueError: ``ack="durable"`` without a disk buffer.
        """
        # What an object holds is fetched before it is called: so Python 3.11 specialises both.
        is_running = self._is_running
        if get_ident() != self._thread or not is_running():
            self._refuse()
        route = self._short_ways.get(type(event))
        if route is None or ack is not None:
            ack = ack or self._default_ack
            return await self._entrance.publish(event, ack, correlation_id, metadata)
        # From here on the same as there, without the calls.
        tally = self._tally
        tally.published = published = tally.published + 1
        event_id = str(uuid7())
        seal, offer = route.seal, route.offer
        try:
            record = seal(event, event_id, correlation_id, metadata)
        except PublishError:
            tally.rejected += 1
            raise
        if record is None:
            return self._entrance.filter(SAMPLED)
        answer = offer(record)
        if answer is FULL:
            return await self._entrance.offering.make_room(route, record, route.full())
        route.accepted += 1
        # Without yielding, a caller that never waits would starve the deliveries.
        if published >= self._next_turn:
            self._next_turn = published + self.options.batch_size
            for _ in range(TURNS):
                await asyncio.sleep(0)
        elif answer is CROWDED:
            await asyncio.sleep(0)
        return Receipt(event_id, "accepted")

    def publish_nowait(
        self,
        event: msgspec.Struct,
        *,
        correlation_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Receipt:
        """Take an event without ever waiting: `publish` for code on the loop that cannot await.

        It does not yield to the loop either: a long run of calls with nothing in between starves
        the deliveries and fills the buffer.

        Raises:
            InvalidEventError: The event has no wire form, or is larger than ``maxEventBytes``.
            BufferFullError: The buffer blocks, and is full.
            DataPlaneClosedError: The plane is not open on this loop in this process.
        """
        if not self._is_here:
            self._refuse()
        return self._entrance.publish_nowait(event, correlation_id, metadata)

    def publish_threadsafe(
        self,
        event: msgspec.Struct,
        *,
        ack: Ack | None = None,
        correlation_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Take an event from another thread than the loop's: `publish` for synchronous code.

        The event is checked and encoded in the calling thread. While there is room the call does
        not wait for the loop.

        Args:
            event: As in `publish`.
            ack: As in `publish`.
            correlation_id: As in `publish`.
            metadata: As in `publish`.
            timeout: Most seconds to wait for room or for an acknowledgement; None for the
                configured times.

        Raises:
            RuntimeError: It was called on the loop's own thread, which it would block.
            AckTimeoutError: ``timeout`` ran out; the event may be queued all the same.
            PublishError: As for `publish`.
        """
        doorway = self._works.doorway
        if self._loop is None or doorway is None:
            raise DataPlaneClosedError(self._unusable)
        return doorway.publish(event, ack, correlation_id, metadata, timeout)

    async def expose(
        self, experiment_name: str, variant_key: str, **facts: Unpack[ExposureFacts]
    ) -> Receipt:
        """Record that a subject was shown a variant, whatever ``exposureSemantics`` is.

        A repeat is marked, or filtered, as ``repeatExposures`` says. With ``ack`` it waits as
        `publish` does, but not for a repeat that is filtered. It raises as `publish`, and
        InvalidEventError where no ``subject`` is given and there is no current one.
        """
        return await self.exposures.expose(experiment_name, variant_key, facts)

    def expose_sync(
        self, experiment_name: str, variant_key: str, **facts: Unpack[ExposureFacts]
    ) -> Receipt:
        """Do what `expose` does: by `publish_nowait`, in another thread `publish_threadsafe`.

        Raises:
            ValueError: With an ``ack`` that would have to be waited for on the loop.
        """
        return self.exposures.expose_sync(experiment_name, variant_key, facts)

    async def decide(
        self, experiment_name: str, variant_key: str, **facts: Unpack[ExposureFacts]
    ) -> Decision:
        """Note which variant the subject gets; ``exposureSemantics`` says when that is recorded."""
        return await self.exposures.decide(experiment_name, variant_key, facts)

    def decide_sync(
        self, experiment_name: str, variant_key: str, **facts: Unpack[ExposureFacts]
    ) -> Decision:
        """Do what `decide` does for code that cannot await."""
        return self.exposures.decide_sync(experiment_name, variant_key, facts)

    def seal(
        self,
        event: msgspec.Struct,
        *,
        correlation_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Record | Receipt:
        """Take an event through all that `publish` does, but queue nothing; from any thread.

        It is for what writes an event by another way, as into the application's own transaction:
        the same toggles, sampling, redaction, limits and encoding. Nothing is counted;
        `count_written` is for when it has been written.

        Args:
            event: As in `publish`.
            correlation_id: As in `publish`.
            metadata: As in `publish`.

        Returns:
            The encoded event; or the receipt that says why it is filtered.

        Raises:
            InvalidEventError: The event has no wire form, or is larger than ``maxEventBytes``.
            DataPlaneClosedError: The plane is not open in this process.
        """
        if self._loop is None:
            raise DataPlaneClosedError(self._unusable)
        admitted = self._entrance.admit(event, correlation_id, metadata, "accepted")
        return admitted if isinstance(admitted, Receipt) else admitted[1]

    def count_written(self) -> None:
        """Count an event of `seal` as ``written_in_transaction``; from any thread."""
        if self._works.doorway is not None:
            self._works.doorway.count_written()

    async def flush(self, timeout: float | None = None) -> FlushResult:
        """Deliver now what was accepted before this call.

        Args:
            timeout: Most seconds to wait; None waits until all of it is settled.

        Raises:
            DataPlaneClosedError: The plane is not open on this loop in this process.
        """
        if not self._is_here:
            self._refuse()
        return await self._works.flush(timeout)

    def read(
        self,
        selection: Selection | None = None,
        *,
        backplane: str | None = None,
        on_unreadable: Callable[[ReplayError], None] | None = None,
        **criteria: Unpack[Criteria],
    ) -> EventStream:
        """Return the events that a backplane has stored, to be read with ``async for``.

        The plane need not be open, and reading does not disturb its deliveries. What is still
        in a buffer is not there yet: `flush` first.

        Args:
            selection: Which events; None for all.
            backplane: The name of the one to read, where several can be.
            on_unreadable: Called with each stored record that is no event, and with what the
                source's retention removed before it was read; both are then passed by. It may
                raise. None raises the first one, and `EventStream.checkpoint` is behind it.
            criteria: Fields of a `Selection`, as in ``types=["exposure"]``, in the place of those
                of ``selection``.

        Raises:
            ValueError: Several backplanes can be read and none is named, or none has that name;
                a time has no zone, or ``since`` is not before ``until``.
            TypeError: There is no such criterion, or one is of another type.
            ReplayError: The backplane cannot be read, or the checkpoint is none of its.
        """
        source = source_of(self.options.backplane, self._given, backplane)
        return EventStream(source, selection_from(selection, criteria), on_unreadable)

    async def health(self) -> Health:
        """Return how the plane and each backplane fare, from what they have seen.

        After the plane has closed, its diagnostics are those of the end.
        """
        return self._judge()

    def _judge(self) -> Health:
        found = self._works.health()
        if self._loop is None:
            return Health(HealthStatus.UNHEALTHY, self._unusable, found)
        return health_of(found, self._reloading.refused)

    def statistics(self) -> Statistics:
        """Return the fates of all events so far; also after the plane has closed.

        From any thread; on another than the loop's the sums may be one event apart.
        """
        return self.exposures.counted(self._works.statistics())

    def measurements(self) -> list[Measurement]:
        """Return the value of every metric now, from any thread; also after it has closed."""
        return self._metrics.measurements()
