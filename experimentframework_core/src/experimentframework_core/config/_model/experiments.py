"""Trials and the experiments that they make up."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from experimentframework_core.config._model.data_plane import Options
from experimentframework_core.config._model.hypotheses import HypothesisOptions
from experimentframework_core.config._model.selection import SelectionModeOptions
from experimentframework_core.config._model.values import Free, Instant, Label, Name

ErrorPolicyType: TypeAlias = Literal[
    "throw", "fallbackToControl", "fallbackTo", "tryInOrder", "tryAny"
]


class PredicateOptions(Options, frozen=True, kw_only=True):
    """A test in code that says whether something is active.

    Attributes:
        type: The type that is the test.
    """

    type: Label


class ActivationOptions(Options, frozen=True, kw_only=True):
    """When a trial or experiment is active; outside of that its control serves.

    Attributes:
        from_: The first moment, in ISO 8601 with a zone. None: from the beginning.
        until: The last moment, in ISO 8601 with a zone. None: for ever.
        predicate: A test in code that must hold besides. None: no test.
    """

    from_: Instant | None = msgspec.field(default=None, name="from")
    until: Instant | None = None
    predicate: PredicateOptions | None = None


class ConditionOptions(Options, frozen=True, kw_only=True):
    """One way to serve a call: the control or a variant.

    Attributes:
        key: The key that selections, fallbacks and events name it by; unique in its trial, in any
            case of letters.
        implementation_type: The type that implements it.
    """

    key: Name
    implementation_type: Label


class ErrorPolicyOptions(Options, frozen=True, kw_only=True):
    """What happens when the selected condition fails.

    Attributes:
        type: ``throw``, ``fallbackToControl``, ``fallbackTo`` (``fallbackKey``), ``tryInOrder``
            (``fallbackKeys``) or ``tryAny`` (every other condition).
        fallback_key: The condition that ``fallbackTo`` takes; required there.
        fallback_keys: The conditions that ``tryInOrder`` takes, in order; required there.
    """

    type: ErrorPolicyType
    fallback_key: Name | None = None
    fallback_keys: tuple[Name, ...] = ()


class TrialOptions(Options, frozen=True, kw_only=True):
    """One service and the conditions that may serve it.

    Attributes:
        service_type: The type of the service, as in ``shop.Checkout``.
        selection_mode: How the condition is selected.
        control: The condition to compare with, and to fall back to.
        conditions: The other conditions.
        error_policy: What happens when the selected condition fails.
        activation: When the trial is active. None: always.
    """

    service_type: Label
    selection_mode: SelectionModeOptions
    control: ConditionOptions
    conditions: tuple[ConditionOptions, ...] = ()
    error_policy: ErrorPolicyOptions = ErrorPolicyOptions(type="throw")
    activation: ActivationOptions | None = None


class ExperimentOptions(Options, frozen=True, kw_only=True):
    """A named experiment: its trials, when it is active and what it is meant to show.

    Attributes:
        name: The name that events carry; unique in the configuration, in any case of letters.
        metadata: Anything for people and reports, as in an owner or a ticket.
        activation: When it is active, besides what its trials say. None: always.
        trials: Its trials, at least one.
        hypothesis: What it is meant to show. None: not said.
    """

    name: Name
    metadata: Free = msgspec.field(default_factory=dict)
    activation: ActivationOptions | None = None
    trials: Annotated[tuple[TrialOptions, ...], msgspec.Meta(min_length=1)]
    hypothesis: HypothesisOptions | None = None
