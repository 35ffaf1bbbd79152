"""Selection modes and decorators of packages: what is found, loaded, and said of what cannot be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import PluginError, PluginNotFoundError
from experimentframework_core.extensions import (
    decorator_types,
    find_decorator,
    find_selection_mode,
    selection_mode_types,
)

if TYPE_CHECKING:
    from tests.core.sites import Site

MODES = "experimentframework.selection_modes"
DECORATORS = "experimentframework.decorators"
A_MODE = """
from experimentframework_core.extension import SelectionModePlugin

plugin = SelectionModePlugin(type="{type}")
"""
A_DECORATOR = A_MODE.replace("SelectionMode", "Decorator")


def test_nothing_is_installed_with_the_core() -> None:
    assert (selection_mode_types(), decorator_types()) == ((), ())


def test_the_named_one_is_loaded_and_no_other(site: Site) -> None:
    """Given two selection modes, When one is asked for, Then the other is not imported."""
    site.install("acme-bandit", type_name="bandit", code=A_MODE, group=MODES)
    other = site.install("acme-moon", type_name="moon", code=A_MODE, group=MODES)

    plugin = find_selection_mode("bandit")

    assert (plugin.type, plugin.options) == ("bandit", None)
    assert selection_mode_types() == ("bandit", "moon")
    assert other not in sys.modules


def test_a_decorator_is_loaded(site: Site) -> None:
    """Given a package with a decorator, When it is asked for, Then it comes."""
    site.install("acme-cache", type_name="cache", code=A_DECORATOR, group=DECORATORS)

    plugin = find_decorator("cache")

    assert plugin.type == "cache"


def test_an_unknown_one_names_those_that_are_there(site: Site) -> None:
    """Given a decorator, When another one is asked for, Then the error says which there are."""
    site.install("acme-cache", type_name="cache", code=A_DECORATOR, group=DECORATORS)

    with pytest.raises(PluginNotFoundError) as caught:
        find_decorator("cash")

    assert str(caught.value) == (
        "no installed package offers the decorator 'cash'; did you mean 'cache'?; installed: cache"
    )
    assert caught.value.plugin == "cash"


def test_two_claims_are_refused(site: Site) -> None:
    """Given two packages with one type, When it is asked for, Then the error names both."""
    site.install("acme-one", type_name="bandit", code=A_MODE, group=MODES)
    site.install("acme-two", type_name="bandit", code=A_MODE, group=MODES)

    with pytest.raises(PluginError) as caught:
        find_selection_mode("bandit")

    assert str(caught.value) == (
        "the selection mode 'bandit' is offered by acme-one and acme-two: uninstall all but one"
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import acme_missing", "ModuleNotFoundError: No module named 'acme_missing'"),
        ("plugin = 3", "is a int, not a SelectionModePlugin"),
        (A_DECORATOR, "is a DecoratorPlugin, not a SelectionModePlugin"),
        (A_MODE.replace("{type}", "other"), "says that its type is 'other'; both must be the same"),
    ],
)
def test_one_that_cannot_be_used_says_why(site: Site, code: str, reason: str) -> None:
    """Given a broken package, When its mode is asked for, Then the error says what is wrong."""
    site.install("acme-bandit", type_name="bandit", code=code, group=MODES)

    with pytest.raises(PluginError) as caught:
        find_selection_mode("bandit")

    assert str(caught.value).startswith("the selection mode 'bandit' of acme-bandit 1.2.3 ")
    assert reason in str(caught.value)
