"""The data plane for synchronous code: WSGI apps, threads, scripts. It owns the event loop."""

from __future__ import annotations

from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar, Unpack

from experimentframework_core._log import logger
from experimentframework_core._plane import at_exit, fork
from experimentframework_core._plane.setup import warned
from experimentframework_core._portal import Portal, PortalClosedError, PortalTimeoutError
from experimentframework_core.errors import DataPlaneClosedError
from experimentframework_core.plane import CLOSED, DataPlane
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
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    import msgspec
    from opentelemetry.metrics import MeterProvider

    from experimentframework_core._exposure.decision import Decision
    from experimentframework_core._exposure.facts import ExposureFacts
    from experimentframework_core._metrics.measurement import Measurement
    from experimentframework_core.config import DataPlaneOptions
    from experimentframework_core.plugin import Backplane, BackplanePlugin

__all__ = ["SyncDataPlane"]

T = TypeVar("T")

THREAD = "experimentframework.sync"
"""The name of the thread that the loop runs in."""

GRACE = 5.0
"""Seconds beyond ``shutdownTimeoutMs`` before a thread that a plugin blocks is left behind."""


class _Opened(NamedTuple):
    """What one process has open."""

    plane: DataPlane
    portal: Portal


class SyncDataPlane:
    """A `DataPlane` for code without an event loop: it runs one in a thread of its own.

    It may be made when a module is imported. It opens at the first `publish`, in each process
    anew: a forked worker of gunicorn or Celery has its own, and what its parent queued is the
    parent's. All methods may be called from any thread, and in a signal handler. It is closed, and
    thereby drained, by `close`, by leaving ``with``, or else when the interpreter ends.

    Attributes:
        closing: What the closing achieved; None before.
    """

    def __init__(
        self,
        options: DataPlaneOptions | None = None,
        *,
        backplane: Backplane | BackplanePlugin[Any] | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Check the options; nothing is opened and no thread is started.

        Args:
            options: As for `DataPlane`.
            backplane: As for `DataPlane`.
            meter_provider: As for `DataPlane`.

        Raises:
            ConfigurationError: The options are wrong; it holds every problem.
            TypeError: What was given is neither options nor a backplane.
        """
        self._unopened = DataPlane(options, backplane=backplane, meter_provider=meter_provider)
        self.closing: FlushResult | None = None
        self._lock = RLock()
        self._opened: _Opened | None = None
        self._threads: set[int] = set()
        self._last_health: Health | None = None

    @classmethod
    def from_file(
        cls, *paths: str | os.PathLike[str], meter_provider: MeterProvider | None = None
    ) -> Self:
        """Return a plane configured by YAML or JSON files.

        Args:
            paths: As for `DataPlane.from_file`.
            meter_provider: As for `DataPlane`.

        Raises:
            ConfigurationError: A file is wrong; it holds every problem with line and column.
        """
        made = DataPlane.from_file(*paths, meter_provider=meter_provider)
        with warned(()):
            plane = cls(made.options)
        plane._unopened = made
        return plane

    @property
    def options(self) -> DataPlaneOptions:
        """The options by which it works: those it was made with, until a reload."""
        return self._present.options

    @property
    def _present(self) -> DataPlane:
        return self._opened.plane if self._opened else self._unopened

    def open(self) -> Self:
        """Open it now, if this process has not yet; else the first `publish` does.

        Raises:
            DataPlaneClosedError: It was closed; make a new one.
            JournalError: A disk buffer cannot be used: no rights, no space, a network file system.
        """
        self._here("open")
        return self

    def _here(self, method: str) -> _Opened:
        """Return what is open in this process, and open it where nothing is."""
        self._refuse_own_thread(method)
        if self._opened is not None and self.closing is None:
            return self._opened
        fork.watch(self)
        with self._lock:
            if self.closing is not None:
                raise DataPlaneClosedError(CLOSED)
            return self._opened or self._start()

    def _refuse_own_thread(self, method: str) -> None:
        if get_ident() in self._threads:
            message = (
                f"{method}() was called on the plane's own thread, {THREAD}, which would wait for"
                " itself: call it from another thread"
            )
            raise RuntimeError(message)

    def _start(self) -> _Opened:
        plane = self._unopened._anew()  # noqa: SLF001 - it is the half of a plane that stays closed
        portal = Portal(THREAD)
        portal.start()
        self._threads.add(portal.thread_id)
        try:
            portal.run(plane.__aenter__())
            at_exit.close(self)
            # A signal handler in this very thread may have done the same meanwhile, or closed it.
            if self._opened is None and self.closing is None:
                self._opened = _Opened(plane, portal)
                return self._opened
            portal.run(plane.aclose())
        except BaseException:
            self._stop(portal, GRACE)
            raise
        self._stop(portal, GRACE)
        if self._opened is None:
            at_exit.forget(self)
            raise DataPlaneClosedError(CLOSED)
        return self._opened

    def _stop(self, portal: Portal, timeout: float) -> None:
        own = portal.thread_id
        portal.stop(timeout)
        self._threads.discard(own)

    def __enter__(self) -> Self:
        """Open the plane."""
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the plane."""
        self.close()

    def close(self) -> FlushResult:
        """Stop taking events, deliver within ``shutdownTimeoutMs`` what was taken, and close.

        It stays closed, also in processes that are forked later. A plugin that blocks the plane's
        thread is waited for 5 s longer; what is in memory then is lost.

        Returns:
            What was delivered meanwhile, and what was lost; the same at every further call.

        Raises:
            RuntimeError: It was called on the plane's own thread.
        """
        self._refuse_own_thread("close")
        with self._lock:
            return self._end() if self.closing is None else self.closing

    def _end(self) -> FlushResult:
        if self._opened is None:
            self.closing = FlushResult(0, 0, timed_out=False)
            return self.closing
        plane, portal = self._opened
        limit = self.options.shutdown_timeout_ms / 1000 + GRACE
        patience = GRACE
        try:
            closing, self._last_health = portal.run(_close(plane), limit)
        except (PortalTimeoutError, PortalClosedError):
            if self.closing is not None:
                return self.closing  # By a signal handler that came in between.
            closing, patience = plane._abandon(), 0.0  # noqa: SLF001 - as above
            logger.error("experimentframework.close_blocked", remaining=closing.remaining)
        # Before the loop stops: a signal handler that closes it as well would find it blocked.
        self.closing = closing
        self._stop(portal, patience)
        # Not before: what a signal handler raises meanwhile must not keep the end from closing it.
        at_exit.forget(self)
        return closing

    def after_fork_in_child(self) -> None:
        """In a forked child: forget what the parent has opened, touching none of it."""
        self._lock = RLock()
        # Threads of the child may have the identifiers that some of the parent's had.
        self._threads = set()
        if self._opened is not None and self.closing is None:
            self._unopened.options = self._opened.plane.options
            # Freed here, the loop would close and take its pipe out of the parent's epoll.
            _of_parents.append(self._opened)
            self._opened = None
            at_exit.forget(self)

    def publish(
        self,
        event: msgspec.Struct,
        *,
        ack: Ack | None = None,
        correlation_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Take an event; by default return as soon as it is in the buffer.

        It is checked and encoded in the calling thread. While there is room the call does not
        wait for the loop.

        Args:
            event: As in `DataPlane.publish`.
            ack: As in `DataPlane.publish`.
            correlation_id: As in `DataPlane.publish`.
            metadata: As in `DataPlane.publish`.
            timeout: Most seconds to wait for room or for an acknowledgement; None for the
                configured times.

        Raises:
            RuntimeError: It was called on the plane's own thread, as by a backplane.
            AckTimeoutError: ``timeout`` ran out; the event may be queued all the same.
            JournalError: It is the first one of this process, and the disk buffer cannot be used.
            PublishError: As for `DataPlane.publish`.
        """
        return self._here("publish").plane.publish_threadsafe(
            event, ack=ack, correlation_id=correlation_id, metadata=metadata, timeout=timeout
        )

    def expose(
        self, experiment_name: str, variant_key: str, **facts: Unpack[ExposureFacts]
    ) -> Receipt:
        """Record that a subject was shown a variant: see `DataPlane.expose`."""
        return self._here("expose").plane.expose_sync(experiment_name, variant_key, **facts)

    def decide(
        self, experiment_name: str, variant_key: str, **facts: Unpack[ExposureFacts]
    ) -> Decision:
        """Note which variant a subject gets: see `DataPlane.decide`."""
        return self._here("decide").plane.decide_sync(experiment_name, variant_key, **facts)

    def reload(self, options: DataPlaneOptions | None = None) -> ReloadResult:
        """Work by other options from now on, in this process: see `DataPlane.reload`.

        Raises:
            RuntimeError: It was called on the plane's own thread.
        """
        return _run(self._here("reload"), lambda plane: plane.reload(options))

    def flush(self, timeout: float | None = None) -> FlushResult:
        """Deliver now what was accepted before this call.

        Args:
            timeout: Most seconds to wait; None waits until all of it is settled.

        Raises:
            RuntimeError: It was called on the plane's own thread.
            DataPlaneClosedError: It is closed, or was closed meanwhile.
        """
        return _run(self._here("flush"), lambda plane: plane.flush(timeout))

    def health(self) -> Health:
        """Return how the plane and each backplane fare; opens the plane, to know.

        After the plane has closed, its diagnostics are those of the end; there are none where it
        never opened, or where a plugin blocks its thread.

        Raises:
            RuntimeError: It was called on the plane's own thread.
            JournalError: The plane was not open, and its disk buffer cannot be used.
        """
        if self.closing is not None:
            return self._last_health or Health(HealthStatus.UNHEALTHY, CLOSED, {})
        return _run(self._here("health"), DataPlane.health)

    def statistics(self) -> Statistics:
        """Return the fates of this process's events so far; also after the plane has closed."""
        return self._present.statistics()

    def measurements(self) -> list[Measurement]:
        """Return the value of every metric of this process now; also after it has closed."""
        return self._present.measurements()


def _run(opened: _Opened, method: Callable[[DataPlane], Coroutine[Any, Any, T]]) -> T:
    try:
        return opened.portal.run(method(opened.plane))
    except PortalClosedError:
        raise DataPlaneClosedError(CLOSED) from None


async def _close(plane: DataPlane) -> tuple[FlushResult, Health]:
    return await plane.aclose(), await plane.health()


_of_parents: list[_Opened] = []
