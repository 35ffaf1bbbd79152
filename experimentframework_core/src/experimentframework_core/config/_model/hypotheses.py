"""What an experiment is meant to show, said before it runs."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from experimentframework_core.config._model.data_plane import Count, Options, Text
from experimentframework_core.config._model.values import Free, Label, Name, Positive, Probability
from experimentframework_core.events import OutcomeType
from experimentframework_core.units import Delay

HypothesisType: TypeAlias = Literal["superiority", "nonInferiority", "equivalence", "twoSided"]


class EndpointOptions(Options, frozen=True, kw_only=True):
    """What is measured.

    Attributes:
        name: The outcome's name, unique in the hypothesis.
        outcome_type: ``binary``, ``continuous``, ``count`` or ``duration``.
        description: What it measures.
        unit: The unit of its values, as in ``milliseconds``.
        higher_is_better: Whether more is better; not together with ``lowerIsBetter``.
        lower_is_better: Whether less is better; not together with ``higherIsBetter``.
        minimum_important_difference: The smallest difference that matters, in the outcome's unit.
        expected_baseline: The value expected in the control group; a share for ``binary``.
        expected_variance: The variance expected in the data.
    """

    name: Label
    outcome_type: OutcomeType
    description: Text | None = None
    unit: Label | None = None
    higher_is_better: bool | None = None
    lower_is_better: bool | None = None
    minimum_important_difference: Positive | None = None
    expected_baseline: float | None = None
    expected_variance: Positive | None = None


class SuccessCriteriaOptions(Options, frozen=True, kw_only=True):
    """When the hypothesis counts as shown.

    Attributes:
        alpha: The significance level, between 0 and 1.
        power: The power to detect the effect, between 0 and 1.
        minimum_sample_size: Fewest subjects in each group.
        minimum_effect_size: The smallest effect to detect.
        non_inferiority_margin: How much worse is still not inferior; only for, and required by,
            ``nonInferiority``.
        equivalence_margin: How far apart is still equivalent; only for, and required by,
            ``equivalence``.
        primary_endpoint_only: Whether the primary endpoint alone decides; else all endpoints do.
        apply_multiple_comparison_correction: Correct for the number of comparisons.
        minimum_duration: How long the experiment has to run before results count.
        require_positive_effect: Whether the effect has to be for the better.
    """

    alpha: Probability = 0.05
    power: Probability = 0.8
    minimum_sample_size: Count | None = None
    minimum_effect_size: Positive | None = None
    non_inferiority_margin: Positive | None = None
    equivalence_margin: Positive | None = None
    primary_endpoint_only: bool = True
    apply_multiple_comparison_correction: bool = True
    minimum_duration: Delay | None = None
    require_positive_effect: bool = True


class HypothesisOptions(Options, frozen=True, kw_only=True):
    """What an experiment is meant to show, and how that is decided.

    Attributes:
        name: The hypothesis' name.
        description: What it is about.
        type: ``superiority``, ``nonInferiority``, ``equivalence`` or ``twoSided``.
        null_hypothesis: What holds if there is no effect (H0).
        alternative_hypothesis: What is to be shown (H1).
        primary_endpoint: What is measured above all.
        secondary_endpoints: What is measured besides.
        expected_effect_size: The effect that is expected, as Cohen's d or in the endpoint's unit.
        success_criteria: When the hypothesis counts as shown; ``{}`` takes every default.
        control_condition: The key of the condition to compare with. None: each trial's control.
        treatment_conditions: The keys of the conditions that are compared. Empty: all others.
        rationale: Why the effect is expected.
        metadata: Anything else, for people and reports.
    """

    name: Label
    description: Text | None = None
    type: HypothesisType
    null_hypothesis: Text
    alternative_hypothesis: Text
    primary_endpoint: EndpointOptions
    secondary_endpoints: tuple[EndpointOptions, ...] = ()
    expected_effect_size: Positive
    success_criteria: SuccessCriteriaOptions
    control_condition: Name | None = None
    treatment_conditions: tuple[Name, ...] = ()
    rationale: Text | None = None
    metadata: Free = msgspec.field(default_factory=dict)
