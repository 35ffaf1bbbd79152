"""Selection modes and decorators of packages take part in a configuration with their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core.config import (
    Configuration,
    DecoratorOptions,
    LoggingDecoratorOptions,
    check,
    load_text,
)
from experimentframework_core.errors import ConfigurationError
from tests.core.config.sample_plugins import find_plugin

if TYPE_CHECKING:
    from tests.core.sites import Site

MODES = "experimentframework.selection_modes"
DECORATORS = "experimentframework.decorators"
BANDIT = """
from typing import Annotated

import msgspec

from experimentframework_core.extension import SelectionModePlugin
from experimentframework_core.units import Milliseconds


class BanditOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    reward: str
    window: Milliseconds = 1000
    epsilon: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1


def check(options):
    if options.epsilon == 1:
        yield "epsilon", "nothing would be learned; take less than 1"
    if options.epsilon == 0:
        yield "epsilon", "nothing would be tried", "warning"


plugin = SelectionModePlugin(type="{type}", options=BanditOptions, check=check)
"""
CACHE = """
from experimentframework_core.extension import DecoratorPlugin

plugin = DecoratorPlugin(type="{type}")
"""


def bandit(mode: str) -> str:
    return (
        f"trials:\n- serviceType: shop.Cart\n  selectionMode: {mode}\n"
        "  control: {key: a, implementationType: A}\n"
    )


def loaded(text: str) -> Configuration:
    return load_text(text, name="e.yaml", find_plugin=find_plugin)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(text)
    return str(caught.value).splitlines()


def test_a_selection_mode_of_a_package_has_its_options(site: Site) -> None:
    """Given a package with a mode, When a file names it, Then its options are of its class."""
    site.install("acme-bandit", type_name="bandit", code=BANDIT, group=MODES)

    configuration = loaded(
        bandit("{type: bandit, selectorName: s, options: {reward: paid, window: PT5S}}")
    )

    options: Any = configuration.trials[0].selection_mode.options
    assert (options.reward, options.window, options.epsilon) == ("paid", 5000, 0.1)
    assert check(configuration, find_plugin) == []


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (
            "{type: bandit}",
            "3:3: options.reward: missing; expected text",
        ),
        (
            "{type: bandit, options: {reward: paid, epsilom: 1}}",
            (
                "3:57: options.epsilom: unknown key 'epsilom';"
                " expected reward, window or epsilon; did you mean 'epsilon'?"
            ),
        ),
        (
            "{type: bandit, options: {reward: paid, epsilon: 1}}",
            ("3:57: options.epsilon: nothing would be learned; take less than 1"),
        ),
        (
            "{type: bandit, flagName: x, options: {reward: paid}}",
            ("3:33: flagName: has no effect on the selection mode 'bandit'; expected selectorName"),
        ),
        (
            "{type: bandits}",
            (
                "3:19: type: unknown selection mode 'bandits';"
                " expected featureFlag, configurationKey, variantFeatureFlag, openFeature,"
                " stickyRouting, rollout, stagedRollout, targeting, custom or bandit;"
                " did you mean 'bandit'?"
            ),
        ),
    ],
)
def test_what_is_wrong_with_it_is_said_with_the_rest(site: Site, mode: str, expected: str) -> None:
    """Given a package with a mode, When a file says it wrong, Then the problem has its place."""
    site.install("acme-bandit", type_name="bandit", code=BANDIT, group=MODES)

    found = problems(bandit(mode))

    place, _, said = expected.partition(" ")
    assert found == [f"e.yaml:{place} trials[0].selectionMode.{said}"]


def test_a_decorator_of_a_package_may_have_no_options(site: Site) -> None:
    """Given a decorator without options, When a file gives it some, Then they are refused."""
    site.install("acme-cache", type_name="cache", code=CACHE, group=DECORATORS)

    configuration = loaded("decorators: [{type: cache}]")
    found = problems("decorators: [{type: cache, options: {size: 1}}]")

    assert configuration.decorators == (DecoratorOptions(type="cache"),)
    assert found == [
        "e.yaml:1:28: decorators[0].options: the decorator 'cache' has no options; leave it out"
    ]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1 / 0", "cannot be loaded from 'acme_cache:plugin': ZeroDivisionError: division by zero"),
        ("plugin = 1", "is not usable: 'acme_cache:plugin' is a int, not a DecoratorPlugin"),
    ],
)
def test_a_decorator_that_cannot_be_loaded_is_a_problem(site: Site, code: str, reason: str) -> None:
    """Given a broken package, When a file names its decorator, Then the problem says why."""
    site.install("acme-cache", type_name="cache", code=code, group=DECORATORS)

    found = problems("decorators: [{type: cache, options: {size: 1}}]")

    assert found == [
        f"e.yaml:1:15: decorators[0].type: the decorator 'cache' of acme-cache 1.2.3 {reason}"
    ]


def test_options_of_a_class_that_msgspec_cannot_read_are_a_problem(site: Site) -> None:
    """Given options with an impossible type, When a file names them, Then the problem says so."""
    size = "import msgspec\n\n\nclass Size(msgspec.Struct):\n    most: list[int] | set[int]\n\n\n"
    code = CACHE.replace("plugin =", f"{size}plugin =").replace('type}"', 'type}", options=Size')
    site.install("acme-cache", type_name="cache", code=code, group=DECORATORS)

    found = problems("decorators: [{type: cache}]")

    assert found[0].startswith(
        "e.yaml:1:15: decorators[0].type: the options of the decorator 'cache' cannot be read: "
    )


def test_a_built_in_type_looks_no_package_up(site: Site) -> None:
    """Given a package that claims a built-in type, When it is used, Then the built-in one is."""
    site.install("acme-log", type_name="logging", code="1 / 0", group=DECORATORS)

    configuration = loaded("decorators: [{type: logging, options: {benchmarks: true}}]")

    assert configuration.decorators[0].options == LoggingDecoratorOptions(benchmarks=True)


def test_python_is_held_to_the_class_of_the_type() -> None:
    """Given options of another class, When Python builds them, Then the check says which fit."""
    wrong = DecoratorOptions(type="timeout", options=LoggingDecoratorOptions())
    free = DecoratorOptions(type="timeout", options={"timeout": 1})

    found = [str(each) for each in check(Configuration(decorators=(wrong, free)), find_plugin)]

    expected = "expected a TimeoutDecoratorOptions"
    assert found == [
        f"decorators[0].options: unexpected LoggingDecoratorOptions; {expected}",
        f"decorators[1].options: unexpected mapping; {expected}",
    ]
