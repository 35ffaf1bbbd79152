"""Entry-point discovery: what is found, what is loaded, and what an error says."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import plugins
from experimentframework_core._entry_points import claims_of
from experimentframework_core.errors import PluginError, PluginNotFoundError
from experimentframework_core.plugins import find_plugin, installed_plugins
from tests.core.sites import GOOD_PLUGIN

if TYPE_CHECKING:
    from tests.core.sites import Site


@pytest.fixture
def core_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the entry points of every distribution but the core's."""
    found = claims_of(plugins._group)
    own = {name: found[name] for name in ("inMemory", "logging", "sqlite")}
    monkeypatch.setattr(plugins, "claims_of", lambda _group: own)


def test_an_installed_type_is_loaded(site: Site) -> None:
    """Given a distribution with a type, When the type is asked for, Then its plugin comes."""
    site.install("acme-pigeon", type_name="pigeon")

    plugin = find_plugin("pigeon")

    assert plugin.type == "pigeon"


@pytest.mark.parametrize("type_name", ["inMemory", "logging", "sqlite"])
def test_the_built_in_types_are_found(type_name: str) -> None:
    """Given nothing but the core, When a built-in type is asked for, Then its plugin comes."""
    plugin = find_plugin(type_name)

    assert plugin.type == type_name


def test_only_the_named_plugin_is_imported(site: Site) -> None:
    """Given two plugins, When one is asked for, Then the other's module is not imported."""
    site.install("acme-pigeon", type_name="pigeon")
    other = site.install("acme-raven", type_name="raven")

    find_plugin("pigeon")

    assert other not in sys.modules


@pytest.mark.parametrize(
    ("type_name", "extra"),
    [("kafka", "kafka"), ("azureServiceBus", "servicebus"), ("sqlServer", "sqlserver")],
)
def test_a_type_of_a_sibling_distribution_says_what_to_install(
    type_name: str, extra: str, core_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no plugin for a known type, When it is asked for, Then the error names the extra."""
    monkeypatch.setattr(plugins, "_version_or_none", lambda _: None)

    with pytest.raises(PluginNotFoundError) as caught:
        find_plugin(type_name)

    assert f'pip install "experimentframework[{extra}]"' in str(caught.value)
    assert "installed: inMemory, logging, sqlite" in str(caught.value)
    assert caught.value.plugin == type_name


def test_an_installed_sibling_without_the_type_is_to_be_upgraded(core_only: None) -> None:
    """Given a Kafka distribution without its type, When kafka is asked for, Then it is named."""
    with pytest.raises(PluginNotFoundError) as caught:
        find_plugin("kafka")

    assert 'pip install --upgrade "experimentframework[kafka]" (the installed' in str(caught.value)
    present = f"experimentframework-kafka {metadata.version('experimentframework-kafka')}"
    assert f"{present} does not offer it)" in str(caught.value)


@pytest.mark.parametrize(
    ("type_name", "advice"),
    [
        ("sqllite", "did you mean 'sqlite'?"),
        ("inmemory", "did you mean 'inMemory'?"),
        ("Kafka", "did you mean 'kafka'? installed: "),
    ],
)
def test_a_misspelt_type_gets_a_suggestion(type_name: str, advice: str) -> None:
    """Given a type near a known one, When it is asked for, Then the error suggests that one."""
    with pytest.raises(PluginNotFoundError) as caught:
        find_plugin(type_name)

    assert advice in str(caught.value)


def test_a_misspelt_type_of_a_sibling_says_what_to_install(
    core_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given no Kafka plugin, When `Kafka` is asked for, Then it is suggested, and how to get it."""
    monkeypatch.setattr(plugins, "_version_or_none", lambda _: None)

    with pytest.raises(PluginNotFoundError) as caught:
        find_plugin("Kafka")

    advice = "did you mean 'kafka'? pip install \"experimentframework[kafka]\"; installed: "
    assert advice in str(caught.value)


def test_a_type_like_no_other_gets_no_suggestion(core_only: None) -> None:
    """Given a type near nothing, When it is asked for, Then the error lists what is installed."""
    with pytest.raises(PluginNotFoundError) as caught:
        find_plugin("zzz")

    assert "did you mean" not in str(caught.value)
    assert "installed: inMemory, logging, sqlite" in str(caught.value)


def test_two_distributions_with_one_type_are_both_named(site: Site) -> None:
    """Given one type in two distributions, When it is asked for, Then the error names both."""
    site.install("acme-pigeon", type_name="pigeon")
    site.install("acme-dove", type_name="pigeon")

    with pytest.raises(PluginError) as caught:
        find_plugin("pigeon")

    assert "acme-dove and acme-pigeon" in str(caught.value)
    assert "acme_pigeon" not in sys.modules


def test_a_plugin_that_fails_at_import_breaks_only_its_own_use(site: Site) -> None:
    """Given a broken and a good plugin, When each is asked for, Then only the broken one fails."""
    site.install("acme-broken", type_name="broken", code="raise RuntimeError('no libpigeon')")
    site.install("acme-pigeon", type_name="pigeon")

    good = find_plugin("pigeon")
    with pytest.raises(PluginError) as caught:
        find_plugin("broken")

    assert good.type == "pigeon"
    assert "acme-broken 1.2.3" in str(caught.value)
    assert "RuntimeError: no libpigeon" in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_plugin_that_ends_the_process_breaks_only_its_own_use(site: Site) -> None:
    """Given a module that exits, When all plugins are listed, Then it alone is not usable."""
    site.install("acme-leaving", type_name="leaving", code="import sys; sys.exit(3)")
    site.install("acme-pigeon", type_name="pigeon")

    listed = {plugin.type: plugin.error for plugin in installed_plugins()}

    assert str(listed["leaving"]).endswith(
        "cannot be loaded from 'acme_leaving:plugin': it ends the process, SystemExit: 3"
    )
    assert listed["pigeon"] is None


def test_an_interrupted_loading_is_no_error_of_the_plugin(site: Site) -> None:
    """Given Ctrl-C while a module is imported, When it is asked for, Then that passes through."""
    site.install("acme-slow", type_name="slow", code="raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        find_plugin("slow")


def test_an_entry_point_without_its_object_is_an_error(site: Site) -> None:
    """Given a module without `plugin`, When its type is asked for, Then the error says so."""
    site.install("acme-empty", type_name="empty", code="")

    with pytest.raises(PluginError, match=r"acme_empty:plugin.*AttributeError"):
        find_plugin("empty")


def test_another_kind_of_object_is_refused(site: Site) -> None:
    """Given an entry point to a dict, When its type is asked for, Then the error names the kind."""
    site.install("acme-dict", type_name="dict", code="plugin = {}")

    with pytest.raises(PluginError, match=r"acme-dict 1\.2\.3 .* is a dict, not a BackplanePlugin"):
        find_plugin("dict")


def test_a_plugin_of_another_type_than_its_entry_point_is_refused(site: Site) -> None:
    """Given a plugin whose type differs, When it is asked for, Then the error names both types."""
    site.install(
        "acme-other", type_name="raven", code=GOOD_PLUGIN.replace('type="{type}"', 'type="crow"')
    )

    with pytest.raises(PluginError, match=r"'raven'.*'crow'"):
        find_plugin("raven")


def test_all_installed_plugins_are_listed_with_their_errors(site: Site) -> None:
    """Given a good, a broken and a doubled type, When all are listed, Then each has its verdict."""
    site.install("acme-pigeon", type_name="pigeon", version="2.0.0")
    site.install("acme-broken", type_name="broken", code="import acme_missing")
    site.install("acme-one", type_name="twice")
    site.install("acme-two", type_name="twice")

    listed = installed_plugins()

    found = {(entry.type, entry.distribution): entry for entry in listed}
    assert [entry.type for entry in listed] == sorted(entry.type for entry in listed)
    assert found["pigeon", "acme-pigeon"].version == "2.0.0"
    assert found["pigeon", "acme-pigeon"].error is None
    assert found["pigeon", "acme-pigeon"].plugin is not None
    assert "acme_missing" in (found["broken", "acme-broken"].error or "")
    assert "acme-one and acme-two" in (found["twice", "acme-two"].error or "")
    assert found["twice", "acme-one"].plugin is None
    assert found["sqlite", "experimentframework-core"].error is None
