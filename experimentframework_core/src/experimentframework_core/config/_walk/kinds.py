"""What goes by a ``type``: which keys belong to it, which it needs, what its options are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from experimentframework_core import extensions
from experimentframework_core.config._model import decorators, governance
from experimentframework_core.config._model import selection as selection_model
from experimentframework_core.config._model.decorators import DecoratorOptions
from experimentframework_core.config._model.experiments import ErrorPolicyOptions
from experimentframework_core.config._problems.report import unknown
from experimentframework_core.errors import PluginNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from experimentframework_core.extension import DecoratorPlugin, SelectionModePlugin
    from experimentframework_core.plugin import Finding


class AnyKeys(msgspec.Struct):
    """Stands for options of any keys, which are a dict."""


A_TYPE_IN_CODE = "a type with its module as in my_app.Type"
"""How a type is written that is found in code."""

_WORD = r"[A-Za-z_\u0080-\uffff][0-9A-Za-z_\u0080-\uffff]*"
IN_CODE = (
    rf"^(?=[^,]*[.:]){_WORD}([.+]{_WORD})*(:{_WORD}([.+]{_WORD})*)?(`[1-9])?"
    r"(, ?[^\s,=]+)?(, ?(Version|Culture|PublicKeyToken)=[^\s,=]+)*(?!\n)$"
)
"""The regular expression of such a type's name, for Python and for JSON Schema.

It is as in ``my_app.Gate`` or ``my_app:Gate``, or as .NET writes it: ``Shop.Outer+Gate, Shop``.
"""

Check: TypeAlias = "Callable[[Any], Iterable[Finding]]"


class Kind(NamedTuple):
    """What one ``type`` allows.

    Attributes:
        keys: The keys that belong to it, besides those that every type has.
        needs: The keys without which it makes no sense.
        options: The class of its options, `AnyKeys`, or None where it has none.
        check: The rules of its options that a package says.
    """

    keys: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    options: type[msgspec.Struct] | None = None
    check: Check | None = None


class Family(NamedTuple):
    """All types of one kind of node.

    Attributes:
        what: What the node is called in problems.
        kinds: The types that are always there.
        in_code: What a type is that is named with its module; None where that cannot be.
        installed: The names of the types that packages offer.
        find: Returns the plugin of such a type, or raises PluginError.
        installed_keys: The keys that belong to such a type.
    """

    what: str
    kinds: Mapping[str, Kind]
    in_code: Kind | None = None
    installed: Callable[[], tuple[str, ...]] = tuple
    find: Callable[[str], SelectionModePlugin[Any] | DecoratorPlugin[Any]] | None = None
    installed_keys: tuple[str, ...] = ()

    @property
    def own_keys(self) -> frozenset[str]:
        """The keys that belong to some types only."""
        kinds = [*self.kinds.values(), *([self.in_code] if self.in_code else [])]
        return frozenset(key for kind in kinds for key in kind.keys)


FAMILIES: dict[type[msgspec.Struct], Family] = {
    selection_model.SelectionModeOptions: Family(
        "selection mode",
        {
            "featureFlag": Kind(("flagName",)),
            "configurationKey": Kind(("key",)),
            "variantFeatureFlag": Kind(("flagName",)),
            "openFeature": Kind(("flagKey",)),
            "stickyRouting": Kind(("selectorName",)),
            "rollout": Kind(("selectorName",), options=selection_model.RolloutOptions),
            "stagedRollout": Kind(("selectorName",), options=selection_model.StagedRolloutOptions),
            "targeting": Kind(("selectorName",), options=selection_model.TargetingOptions),
            "custom": Kind(("modeIdentifier", "selectorName"), ("modeIdentifier",), AnyKeys),
        },
        installed=extensions.selection_mode_types,
        find=extensions.find_selection_mode,
        installed_keys=("selectorName",),
    ),
    DecoratorOptions: Family(
        "decorator",
        {
            "logging": Kind(options=decorators.LoggingDecoratorOptions),
            "timeout": Kind(options=decorators.TimeoutDecoratorOptions),
            "metrics": Kind(),
            "killSwitch": Kind(),
            "circuitBreaker": Kind(options=decorators.CircuitBreakerDecoratorOptions),
            "outcomeCollection": Kind(options=decorators.OutcomeCollectionDecoratorOptions),
            "exposureLogging": Kind(),
            "custom": Kind(("typeName",), ("typeName",), AnyKeys),
        },
        installed=extensions.decorator_types,
        find=extensions.find_decorator,
    ),
    ErrorPolicyOptions: Family(
        "error policy",
        {
            "throw": Kind(),
            "fallbackToControl": Kind(),
            "fallbackTo": Kind(("fallbackKey",), ("fallbackKey",)),
            "tryInOrder": Kind(("fallbackKeys",), ("fallbackKeys",)),
            "tryAny": Kind(),
        },
    ),
    governance.ApprovalGateOptions: Family(
        "approval gate",
        {
            "automatic": Kind(),
            "manual": Kind(),
            "roleBased": Kind(("allowedRoles",), ("allowedRoles",)),
        },
        in_code=Kind(("allowedRoles", "properties")),
    ),
    governance.PolicyOptions: Family(
        "policy",
        {
            "trafficLimit": Kind(
                ("maxTrafficPercentage", "minStableTime"), ("maxTrafficPercentage",)
            ),
            "errorRate": Kind(("maxErrorRate",), ("maxErrorRate",)),
            "timeWindow": Kind(
                ("allowedStartTime", "allowedEndTime"), ("allowedStartTime", "allowedEndTime")
            ),
            "conflictPrevention": Kind(("conflictingExperiments",), ("conflictingExperiments",)),
        },
        in_code=Kind(("properties",)),
    ),
    governance.PersistenceOptions: Family(
        "persistence",
        {
            "inMemory": Kind(),
            "sql": Kind(("connectionString", "provider"), ("connectionString",)),
            "redis": Kind(("connectionString", "keyPrefix"), ("connectionString",)),
        },
        in_code=Kind(("connectionString", "keyPrefix", "provider", "properties")),
    ),
}
"""The families, by the class of their nodes."""


def kind_named(family: Family, name: str) -> Kind:
    """Return what the type ``name`` allows.

    Raises:
        PluginError: There is no such type, or its package cannot be used.
    """
    if name in family.kinds:
        return family.kinds[name]
    if family.in_code and is_in_code(name):
        return family.in_code
    if family.find is None:
        raise PluginNotFoundError(_unknown(family, name), plugin=name)
    try:
        plugin = family.find(name)
    except PluginNotFoundError as error:
        raise PluginNotFoundError(_unknown(family, name), plugin=name) from error
    return Kind(family.installed_keys, options=plugin.options, check=plugin.check)


def is_in_code(name: str) -> bool:
    """Tell whether ``name`` is that of a type with its module, as in ``my_app.Gate``."""
    return re.search(IN_CODE, name) is not None


def types_of(family: Family) -> list[str]:
    """Return what may be said as ``type``."""
    in_code = [A_TYPE_IN_CODE] if family.in_code else []
    return [*family.kinds, *family.installed(), *in_code]


def _unknown(family: Family, name: str) -> str:
    return unknown(family.what, name, types_of(family))
