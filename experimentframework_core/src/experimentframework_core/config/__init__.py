"""The configuration: one model for files and Python, and every problem of it at once."""

from __future__ import annotations

from experimentframework_core.config._backplanes import FindPlugin
from experimentframework_core.config._check import check
from experimentframework_core.config._decorators import (
    CircuitBreakerDecoratorOptions,
    DecoratorOptions,
    LoggingDecoratorOptions,
    OutcomeCollectionDecoratorOptions,
    TimeoutDecoratorOptions,
)
from experimentframework_core.config._effective import (
    BufferConfig,
    ChannelConfig,
    effective,
    effective_sources,
    resolved_options,
)
from experimentframework_core.config._excerpt import Excerpt, Excerpts
from experimentframework_core.config._experiments import (
    ActivationOptions,
    ConditionOptions,
    ErrorPolicyOptions,
    ExperimentOptions,
    PredicateOptions,
    TrialOptions,
)
from experimentframework_core.config._governance import (
    ApprovalGateOptions,
    GovernanceOptions,
    PersistenceOptions,
    PolicyOptions,
)
from experimentframework_core.config._hypotheses import (
    EndpointOptions,
    HypothesisOptions,
    SuccessCriteriaOptions,
)
from experimentframework_core.config._load import (
    Loaded,
    load_file,
    load_files,
    load_text,
    read_configuration,
)
from experimentframework_core.config._model import (
    BackplaneOptions,
    BreakerOptions,
    BufferOptions,
    DataPlaneOptions,
    DeadLetterOptions,
    DeadLetterStoreOptions,
    PiiRedactionOptions,
    RetryOptions,
)
from experimentframework_core.config._notices import notices
from experimentframework_core.config._problem import Problem
from experimentframework_core.config._report import listed, nearest, shown, unknown
from experimentframework_core.config._root import Configuration, SettingsOptions, data_plane_of
from experimentframework_core.config._selection import (
    RolloutOptions,
    RolloutStageOptions,
    SelectionModeOptions,
    StagedRolloutOptions,
    TargetingOptions,
    TargetingRuleOptions,
)
from experimentframework_core.config._tree import Place

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
    "listed",
    "load_file",
    "load_files",
    "load_text",
    "nearest",
    "notices",
    "read_configuration",
    "resolved_options",
    "shown",
    "unknown",
]
