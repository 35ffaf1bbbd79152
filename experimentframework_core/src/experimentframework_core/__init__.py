"""Experiment events out of an asyncio application: typed, bounded, counted, delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.broker_letters import (
    BrokerDeadLetters,
    BrokerLetter,
    LetterOutcome,
)
from experimentframework_core.config import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    PiiRedactionOptions,
    Problem,
    ReloadOptions,
    RepeatExposureOptions,
    RetryOptions,
)
from experimentframework_core.envelope import (
    Envelope,
    Record,
)
from experimentframework_core.errors import (
    AckTimeoutError,
    BufferFullError,
    ConfigurationError,
    DataPlaneClosedError,
    DeliveryError,
    ExperimentFrameworkError,
    InvalidEventError,
    JournalError,
    PartialBatchError,
    PermanentError,
    PluginError,
    PluginNotFoundError,
    PublishError,
    ReplayError,
    TransientError,
    UnavailableError,
)
from experimentframework_core.events import (
    AnalysisSignal,
    AnalysisSignalType,
    Assignment,
    AssignmentPolicy,
    ExperimentError,
    Exposure,
    Governance,
    GovernanceAction,
    Outcome,
    OutcomeType,
    Payload,
    SignalSeverity,
    event,
)
from experimentframework_core.plugin import (
    Backplane,
    BackplanePlugin,
    ChannelSettings,
    Features,
    OpenContext,
    Pingable,
    Selection,
)
from experimentframework_core.status import (
    Ack,
    ChannelStatistics,
    FlushResult,
    Health,
    HealthStatus,
    Receipt,
    RefusedReload,
    ReloadResult,
    Statistics,
    TypeStatistics,
)
from experimentframework_core.units import (
    Secret,
)

if TYPE_CHECKING:
    from experimentframework_core._reading.stream import (
        EventStream,
    )
    from experimentframework_core.consuming import (
        SeenEvents,
        deduplicate,
    )
    from experimentframework_core.plane import (
        DataPlane,
    )

__all__ = [
    "Ack",
    "AckTimeoutError",
    "AnalysisSignal",
    "AnalysisSignalType",
    "Assignment",
    "AssignmentPolicy",
    "Backplane",
    "BackplaneOptions",
    "BackplanePlugin",
    "BreakerOptions",
    "BrokerDeadLetters",
    "BrokerLetter",
    "BufferFullError",
    "BufferOptions",
    "ChannelSettings",
    "ChannelStatistics",
    "ConfigurationError",
    "DataPlane",
    "DataPlaneClosedError",
    "DataPlaneOptions",
    "DeadLetterOptions",
    "DeadLetterStoreOptions",
    "DeliveryError",
    "Envelope",
    "EventStream",
    "ExperimentError",
    "ExperimentFrameworkError",
    "Exposure",
    "Features",
    "FlushResult",
    "Governance",
    "GovernanceAction",
    "Health",
    "HealthStatus",
    "InvalidEventError",
    "JournalError",
    "LetterOutcome",
    "OpenContext",
    "Outcome",
    "OutcomeType",
    "PartialBatchError",
    "Payload",
    "PermanentError",
    "PiiRedactionOptions",
    "Pingable",
    "PluginError",
    "PluginNotFoundError",
    "Problem",
    "PublishError",
    "Receipt",
    "Record",
    "RefusedReload",
    "ReloadOptions",
    "ReloadResult",
    "RepeatExposureOptions",
    "ReplayError",
    "RetryOptions",
    "Secret",
    "SeenEvents",
    "Selection",
    "SignalSeverity",
    "Statistics",
    "TransientError",
    "TypeStatistics",
    "UnavailableError",
    "deduplicate",
    "event",
]


_LATER = {
    "DataPlane": "plane",
    "EventStream": "_reading.stream",
    "SeenEvents": "consuming",
    "deduplicate": "consuming",
}

if not TYPE_CHECKING:  # a type checker would take any name for one of the package's

    def __getattr__(name: str) -> object:
        """Import the plane when it is asked for: who reads a configuration starts without it."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
