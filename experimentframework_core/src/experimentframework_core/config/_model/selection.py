"""How a trial's condition is selected: the selection modes and their options."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from experimentframework_core.config._model.data_plane import Options, Text
from experimentframework_core.config._model.values import (
    Instant,
    Label,
    Name,
    OptionsOfType,
    Percentage,
)

AttributeValue: TypeAlias = str | int | float | bool


class RolloutOptions(Options, frozen=True, kw_only=True):
    """Options of the selection mode ``rollout``: a share of the subjects gets a condition.

    Attributes:
        percentage: The share of subjects that are included, 0 to 100.
        included_key: The key of the condition for those who are included.
        excluded_key: The key of the condition for the others. None: the control.
        seed: Makes this rollout's choice of subjects independent of other rollouts'. None: not
            seeded.
    """

    percentage: Percentage = 100
    included_key: Name = "true"
    excluded_key: Name | None = None
    seed: Text | None = None


class RolloutStageOptions(Options, frozen=True, kw_only=True):
    """One stage of a ``stagedRollout``.

    Attributes:
        starts_at: When the stage begins, in ISO 8601 with a zone.
        percentage: The share of subjects that are included from then on, 0 to 100.
        description: What the stage is for.
    """

    starts_at: Instant
    percentage: Percentage
    description: Text | None = None


class StagedRolloutOptions(Options, frozen=True, kw_only=True):
    """Options of the selection mode ``stagedRollout``: the share of subjects goes by the time.

    Attributes:
        stages: The stages, the earliest first; before the first one nobody is included.
        included_key: The key of the condition for those who are included.
        excluded_key: The key of the condition for the others. None: the control.
        seed: Makes this rollout's choice of subjects independent of other rollouts'. None: not
            seeded.
    """

    stages: Annotated[tuple[RolloutStageOptions, ...], msgspec.Meta(min_length=1)]
    included_key: Name = "true"
    excluded_key: Name | None = None
    seed: Text | None = None


class TargetingRuleOptions(Options, frozen=True, kw_only=True):
    """One rule of ``targeting``: whom it is for, and which condition they get.

    Attributes:
        variant_key: The key of the condition.
        attribute: The subject's attribute that is compared. None: the rule is for everybody, and
            has to be the last.
        value: The value that the attribute must have.
        values: The values of which the attribute must have one; instead of ``value``.
    """

    variant_key: Name
    attribute: Label | None = None
    value: AttributeValue | None = None
    values: tuple[AttributeValue, ...] = ()


class TargetingOptions(Options, frozen=True, kw_only=True):
    """Options of the selection mode ``targeting``.

    Attributes:
        rules: The rules in order; the first one that fits decides. Empty: they are given in code.
    """

    rules: tuple[TargetingRuleOptions, ...] = ()


class SelectionModeOptions(Options, frozen=True, kw_only=True):
    """How the condition is selected that serves a call.

    Attributes:
        type: ``featureFlag``, ``configurationKey``, ``variantFeatureFlag``, ``openFeature``,
            ``stickyRouting``, ``rollout``, ``stagedRollout``, ``targeting``, ``custom``, or a
            selection mode that an installed package offers.
        flag_name: The flag of ``featureFlag`` or ``variantFeatureFlag``. None: named after the
            service type.
        key: The key of ``configurationKey``. None: named after the service type.
        flag_key: The flag of ``openFeature``. None: named after the service type.
        selector_name: What ``stickyRouting``, ``rollout``, ``stagedRollout``, ``targeting``,
            ``custom`` and modes of packages know this selection by. None: named after the service
            type.
        mode_identifier: Which mode ``custom`` is; required there.
        options: The options of ``rollout``, ``stagedRollout``, ``targeting`` or a package's mode,
            and any keys for ``custom``. None: all defaults.
    """

    type: Label
    flag_name: Label | None = None
    key: Label | None = None
    flag_key: Label | None = None
    selector_name: Label | None = None
    mode_identifier: Label | None = None
    options: OptionsOfType = None
