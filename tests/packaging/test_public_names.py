"""The public names of the package, pinned: a change here is a change for users."""

from __future__ import annotations

import importlib

import pytest

import experimentframework_core

public_names = [
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


def test_public_names_are_pinned() -> None:
    """Given the package, When its `__all__` is read, Then it is this list."""
    names = experimentframework_core.__all__

    assert names == public_names


@pytest.mark.parametrize(
    ("package", "names"),
    [
        (
            "experimentframework_core.cli.commands",
            [
                "FAILED",
                "OK",
                "USAGE",
                "CommandError",
                "ConfigOption",
                "JsonOption",
                "Source",
                "confirmed",
                "console",
                "count",
                "expected_errors",
                "print_json",
                "say",
                "say_out",
                "show_table",
                "source_of",
                "table",
                "time_of",
            ],
        ),
        ("experimentframework_core.arrow", ["record_batch", "schema"]),
        ("experimentframework_core.sync", ["SyncDataPlane"]),
        (
            "experimentframework_core.metrics",
            ["METRICS", "Distribution", "Measurement", "Metric", "PrometheusCollector"],
        ),
        (
            "experimentframework_core.exposure",
            [
                "Decision",
                "ExposureFacts",
                "Subject",
                "current_plane",
                "current_subject",
                "exposure",
                "identify",
            ],
        ),
        ("experimentframework_core.resuming", ["ResumingReader"]),
        ("experimentframework_core.replay", ["ReplaySummary", "Transform", "replay"]),
        (
            "experimentframework_core.cloudevents",
            [
                "batch_content_type",
                "content_type",
                "default_source",
                "default_type_prefix",
                "from_batch",
                "from_binary",
                "from_structured",
                "to_batch",
                "to_binary",
                "to_structured",
            ],
        ),
        ("experimentframework_core.tracing", ["linked_span", "span_context", "span_link"]),
        ("experimentframework_core.compatibility", ["Difference", "Schema", "differences"]),
        (
            "experimentframework_core.web",
            [
                "Monitored",
                "PlaneMiddleware",
                "PlaneSource",
                "RequestView",
                "SubjectMiddleware",
                "SubjectProvider",
                "health_app",
                "plane_lifespan",
                "plane_of",
            ],
        ),
        ("experimentframework_core.web.fastapi", ["Plane"]),
        (
            "experimentframework_kafka",
            ["KafkaOptions", "KafkaSecurity", "KafkaTopicCreation", "plugin"],
        ),
        (
            "experimentframework_servicebus",
            ["Consumer", "Received", "ServiceBusOptions", "plugin", "receive"],
        ),
        (
            "experimentframework_sqlserver",
            [
                "AsyncOutbox",
                "Outbox",
                "SqlServerOptions",
                "SqlServerRetention",
                "outbox",
                "plugin",
                "publish_in",
            ],
        ),
    ],
)
def test_public_names_of_other_modules_are_pinned(package: str, names: list[str]) -> None:
    """Given a module that others import, When its `__all__` is read, Then it is this list."""
    module = importlib.import_module(package)

    assert module.__all__ == names
    assert [name for name in names if not hasattr(module, name)] == []


def test_public_names_are_sorted() -> None:
    """Given the package, When its `__all__` is sorted as ruff sorts it, Then nothing moves."""
    names = experimentframework_core.__all__

    assert list(names) == sorted(names, key=_isort_key)


def test_public_names_exist() -> None:
    """Given the package, When each public name is asked for, Then it is there."""
    missing = [
        name
        for name in experimentframework_core.__all__
        if not hasattr(experimentframework_core, name)
    ]

    assert not missing


def _isort_key(name: str) -> tuple[int, str]:
    """Order constants before classes before the rest."""
    if name.isupper():
        return 0, name
    return (1 if name[:1].isupper() else 2), name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'DataPlain'"):
        _ = experimentframework_core.DataPlain  # type: ignore[attr-defined]
