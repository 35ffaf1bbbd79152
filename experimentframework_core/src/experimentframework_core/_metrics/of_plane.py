"""The metrics of one plane: counted in any case, and told to OpenTelemetry where it is in use."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from experimentframework_core._log import Repeated, brief, logger
from experimentframework_core._metrics.deliveries import Deliveries
from experimentframework_core._metrics.fates import measured
from experimentframework_core._metrics.measurement import combined
from experimentframework_core.status import Health, HealthStatus, Statistics

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import MeterProvider

    from experimentframework_core._metrics.deliveries import Outcome
    from experimentframework_core._metrics.instruments import Instruments
    from experimentframework_core._metrics.measurement import Measurement

LOOKS = 100
"""How often a value is read anew when the loop's thread has changed it meanwhile."""


class PlaneMetrics:
    """What is measured of a plane; a failure in here never reaches it."""

    def __init__(
        self,
        statistics: Callable[[], Statistics],
        health: Callable[[], Health],
        provider: MeterProvider | None,
    ) -> None:
        """Measure by these; nothing is registered.

        Args:
            statistics: Gives the plane's statistics.
            health: Gives its health.
            provider: Where the instruments are made; None for the process's own provider, if the
                application uses OpenTelemetry.
        """
        self._statistics = statistics
        self._health = health
        self._provider = provider
        self._deliveries = Deliveries()
        self._last: list[Measurement] = []
        self._instruments: Instruments | None = None
        self._looking = False
        self._warnings = Repeated()

    def open(self) -> None:
        """Have the plane observed from now on."""
        self._looking = True
        self._look()
        if self._looking:
            logger.debug(
                "experimentframework.metrics_off", reason="opentelemetry.metrics is not imported"
            )

    def _look(self) -> None:
        """Register, once the application has imported what it takes."""
        if self._provider is None and "opentelemetry.metrics" not in sys.modules:
            return
        self._looking = False
        try:
            from experimentframework_core._metrics.instruments import instruments_of

            instruments = instruments_of(self._provider)
            instruments.begin(self)
        except Exception as error:  # noqa: BLE001 - whatever a provider raises: go without
            logger.warning("experimentframework.metrics_off", reason=brief(error))
        else:
            self._instruments = instruments

    def close(self) -> None:
        """The plane has closed: its counters stay as they are."""
        self._looking = False
        instruments, self._instruments = self._instruments, None
        if instruments is not None:
            instruments.end(self)

    def forget(self) -> None:
        """In a forked child: nothing that was counted is this process's."""
        self._looking = False
        self._statistics, self._health = Statistics, partial(Health, HealthStatus.UNHEALTHY, "")
        self._deliveries, self._last = Deliveries(), []
        if self._instruments is not None:
            self._instruments.forget()
            self._instruments = None

    def on_delivery(self, backplane: str) -> Callable[[int, float, Outcome], None]:
        """Return what a lane of that backplane calls after each delivery."""
        return partial(self._delivered, backplane)

    def _delivered(self, backplane: str, size: int, seconds: float, outcome: Outcome) -> None:
        self._deliveries.record(backplane, size, seconds, outcome)
        if self._looking:
            self._look()
        if self._instruments is None:
            return
        try:
            self._instruments.record(backplane, size, seconds, outcome)
        except Exception as error:  # noqa: BLE001 - no delivery fails for its measurement
            self._warnings.warning("experimentframework.metrics_failed", error=brief(error))

    def counted(self) -> list[Measurement]:
        """Return what statistics and health say now, from any thread."""
        for _ in range(LOOKS):
            try:
                self._last = combined(measured(self._statistics(), self._health()))
            except (IndexError, RuntimeError):  # The loop's thread goes on meanwhile.
                continue
            break
        return self._last

    def measurements(self) -> list[Measurement]:
        """Return all that is measured, from any thread."""
        return [*self.counted(), *self._deliveries.measured()]
