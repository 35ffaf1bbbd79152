"""What is measured of data planes: the table of metrics, their values, and a Prometheus collector.

OpenTelemetry needs nothing from here: a `DataPlane` finds it by itself.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from experimentframework_core._metrics.measurement import Distribution, Measurement
from experimentframework_core._metrics.table import METRICS, Metric

if TYPE_CHECKING:
    from experimentframework_core._metrics.prometheus import PrometheusCollector

__all__ = ["METRICS", "Distribution", "Measurement", "Metric"]

if find_spec("prometheus_client") is not None:  # `from … import *` takes what can be imported.
    __all__ += ["PrometheusCollector"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import the collector when it is asked for: it needs an extra."""
        if name != "PrometheusCollector":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from experimentframework_core._metrics.prometheus import PrometheusCollector

        return PrometheusCollector
