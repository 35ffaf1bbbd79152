"""Commands of other distributions: found, loaded when they are needed, missed with advice."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.cli import _app, _offered
from experimentframework_core.errors import PluginError, PluginNotFoundError
from tests.core.cli.command import run

if TYPE_CHECKING:
    from tests.core.sites import Site

GROUP = "experimentframework.commands"
GOOD = """
import typer

plugin = typer.Typer(name="{type}", help="Carries letters.")


@plugin.command("fly")
def fly():
    typer.echo("flown")


@plugin.command("land")
def land():
    raise typer.Exit(1)
"""


def test_a_command_of_another_distribution_is_run(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a distribution that offers commands, When one is called, Then it is run."""
    site.install("acme-pigeon", type_name="pigeon", code=GOOD, group=GROUP)

    codes = _app._code_of(["pigeon", "fly"]), _app._code_of(["pigeon", "land"])

    assert (codes, capsys.readouterr().out) == ((0, 1), "flown\n")


def test_only_the_called_one_is_imported(site: Site) -> None:
    """Given two that offer commands, When one is called, Then the other is not imported."""
    site.install("acme-pigeon", type_name="pigeon", code=GOOD, group=GROUP)
    other = site.install("acme-raven", type_name="raven", code=GOOD, group=GROUP)

    _app._code_of(["pigeon", "fly"])

    assert other not in sys.modules


def test_a_command_of_our_own_looks_for_no_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a distribution that offers commands, When ours is called, Then none is looked for."""
    asked: list[str] = []
    monkeypatch.setattr(_app, "is_offered", asked.append)
    monkeypatch.setattr(_app, "offered_groups", lambda: asked.append("all"))

    code = _app._code_of(["schema", "config"])

    assert (code, asked) == (0, [])


def test_the_help_shows_those_that_can_be_loaded(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given one that is broken, When help is asked for, Then it says so, and shows the rest."""
    site.install("acme-pigeon", type_name="pigeon", code=GOOD, group=GROUP)
    site.install("acme-raven", type_name="raven", code="import nothing_of_that_name", group=GROUP)

    code = _app._code_of(["--help"])

    shown = capsys.readouterr()
    assert code == 0
    assert "Carries letters." in shown.out
    assert "the command 'raven' of acme-raven 1.2.3 cannot be loaded" in shown.err


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nothing_of_that_name", "cannot be loaded"),
        ("plugin = 5", "is a int, not a Typer"),
    ],
)
def test_a_broken_one_exits_with_2(
    site: Site, capsys: pytest.CaptureFixture[str], code: str, reason: str
) -> None:
    """Given commands that cannot be loaded, When one is called, Then it says whose and why."""
    site.install("acme-raven", type_name="raven", code=code, group=GROUP)

    ended = _app._code_of(["raven", "fly"])

    assert ended == 2
    assert reason in capsys.readouterr().err


def test_two_that_offer_the_same_are_refused(site: Site) -> None:
    """Given two distributions that offer a name, When it is loaded, Then both are named."""
    site.install("acme-pigeon", type_name="bird", code=GOOD, group=GROUP)
    site.install("acme-raven", type_name="bird", code=GOOD, group=GROUP)

    with pytest.raises(PluginError, match="offered by acme-pigeon and acme-raven: uninstall all"):
        _offered.offered_group("bird")


def test_a_missing_one_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no distribution that offers it, When it is loaded, Then it says what to install."""
    monkeypatch.setattr(_offered, "claims_of", lambda _group: {})

    with pytest.raises(PluginNotFoundError) as raised:
        _offered.offered_group("sqlserver")

    assert str(raised.value) == (
        "the command 'sqlserver' is not installed: pip install \"experimentframework[sqlserver]\""
    )


def test_a_command_that_nobody_offers_is_no_command() -> None:
    """Given a name that nobody offers, When it is called, Then it is refused as before."""
    ran = run("pigeon", "fly")

    assert ran.code == 2
    assert "No such command 'pigeon'" in ran.err
