"""The configuration: one model for files and Python, and every problem of it at once."""

from __future__ import annotations

from experimentframework_core.config._check import check
from experimentframework_core.config._effective import (
    BufferConfig,
    ChannelConfig,
    effective,
    effective_sources,
    resolved_options,
)
from experimentframework_core.config._files.excerpt import Excerpt, Excerpts
from experimentframework_core.config._load import (
    Loaded,
    load_file,
    load_files,
    load_text,
    read_configuration,
)
from experimentframework_core.config._model.data_plane import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    PiiRedactionOptions,
    ReloadOptions,
    RepeatExposureOptions,
    RetryOptions,
)
from experimentframework_core.config._model.decorators import (
    CircuitBreakerDecoratorOptions,
    DecoratorOptions,
    LoggingDecoratorOptions,
    OutcomeCollectionDecoratorOptions,
    TimeoutDecoratorOptions,
)
from experimentframework_core.config._model.experiments import (
    ActivationOptions,
    ConditionOptions,
    ErrorPolicyOptions,
    ExperimentOptions,
    PredicateOptions,
    TrialOptions,
)
from experimentframework_core.config._model.governance import (
    ApprovalGateOptions,
    GovernanceOptions,
    PersistenceOptions,
    PolicyOptions,
)
from experimentframework_core.config._model.hypotheses import (
    EndpointOptions,
    HypothesisOptions,
    SuccessCriteriaOptions,
)
from experimentframework_core.config._model.root import (
    Configuration,
    SettingsOptions,
    data_plane_of,
)
from experimentframework_core.config._model.selection import (
    RolloutOptions,
    RolloutStageOptions,
    SelectionModeOptions,
    StagedRolloutOptions,
    TargetingOptions,
    TargetingRuleOptions,
)
from experimentframework_core.config._problems.problem import Problem
from experimentframework_core.config._problems.report import listed, nearest, shown, unknown
from experimentframework_core.config._rules.event_types import event_type_problem
from experimentframework_core.config._rules.notices import notices
from experimentframework_core.config._schema.choices import not_in_schema
from experimentframework_core.config._schema.json_schema import json_schema
from experimentframework_core.config._tree import Place
from experimentframework_core.config._walk.backplanes import FindPlugin

__all__ = [
    "ActivationOptions",
    "ApprovalGateOptions",
    "BackplaneOptions",
    "BreakerOptions",
    "BufferConfig",
    "BufferOptions",
    "ChannelConfig",
    "CircuitBreakerDecoratorOptions",
    "ConditionOptions",
    "Configuration",
    "DataPlaneOptions",
    "DeadLetterOptions",
    "DeadLetterStoreOptions",
    "DecoratorOptions",
    "EndpointOptions",
    "ErrorPolicyOptions",
    "Excerpt",
    "Excerpts",
    "ExperimentOptions",
    "FindPlugin",
    "GovernanceOptions",
    "HypothesisOptions",
    "Loaded",
    "LoggingDecoratorOptions",
    "OutcomeCollectionDecoratorOptions",
    "PersistenceOptions",
    "PiiRedactionOptions",
    "Place",
    "PolicyOptions",
    "PredicateOptions",
    "Problem",
    "ReloadOptions",
    "RepeatExposureOptions",
    "RetryOptions",
    "RolloutOptions",
    "RolloutStageOptions",
    "SelectionModeOptions",
    "SettingsOptions",
    "StagedRolloutOptions",
    "SuccessCriteriaOptions",
    "TargetingOptions",
    "TargetingRuleOptions",
    "TimeoutDecoratorOptions",
    "TrialOptions",
    "check",
    "data_plane_of",
    "effective",
    "effective_sources",
    "event_type_problem",
    "json_schema",
    "listed",
    "load_file",
    "load_files",
    "load_text",
    "nearest",
    "not_in_schema",
    "notices",
    "read_configuration",
    "resolved_options",
    "shown",
    "unknown",
]
