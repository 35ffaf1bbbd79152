"""A new plugin, as `new-plugin` of a built wheel writes it: its tests pass, and so do checks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.packaging.layout import core

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = ("-c", "from experimentframework_core.cli import main; main()")


def python(*arguments: object, cwd: Path, site: Path | None = None) -> str:
    """Run this Python there, with the packages of ``site`` before its own; return its output."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site or ""), "MYPYPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(distribution: Path, site: Path) -> None:
    """Build the wheel of a distribution, and install it there; nothing is downloaded."""
    wheels = site.with_name(f"wheel-of-{distribution.name}")
    build = ("-m", "build", "--no-isolation", "--wheel", "--outdir", wheels, distribution)
    python(*build, cwd=site)
    offline = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", site)
    python("-m", "pip", "install", *offline, *wheels.glob("*.whl"), cwd=site)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the built wheels of the core, and of the plugin that it wrote."""
    site = tmp_path_factory.mktemp("skeleton") / "site"
    site.mkdir()
    install(core.parents[1], site)
    plugin = site.with_name("plugin")
    python(*COMMAND, "new-plugin", "my-store", "--directory", plugin, cwd=site, site=site)
    install(plugin, site)
    return site


def test_its_tests_pass_against_its_wheel(site: Path, tmp_path: Path) -> None:
    """Given its wheel without sources, When its tests run, Then all pass, its entry point too."""
    plugin = site.with_name("plugin")
    shutil.copytree(plugin / "tests", tmp_path / "tests")
    shutil.copy(plugin / "pyproject.toml", tmp_path)

    told = python("-m", "pytest", "-rs", "-p", "no:cacheprovider", cwd=tmp_path, site=site)

    assert " passed" in told
    assert "no installed distribution offers" not in told


def test_it_is_listed(site: Path) -> None:
    """Given its wheel, When the plugins are listed, Then it is there, and works."""
    listed = json.loads(python(*COMMAND, "plugins", "--json", cwd=site, site=site))

    (mine,) = (each for each in listed["plugins"] if each["type"] == "myStore")
    assert (mine["distribution"], mine["state"]) == ("experimentframework-my-store", "ok")
    assert mine["features"] == ["ordered", "durable"]


@pytest.mark.parametrize("name", ["x", "a-b", "abcdefghijklmnopqrst"])
def test_ruff_finds_nothing(name: str, tmp_path: Path) -> None:
    """Given a name of any length, When ruff looks at the plugin, Then it has nothing to say."""
    folder = tmp_path / "plugin"
    python(*COMMAND, "new-plugin", name, "--directory", folder, cwd=tmp_path)

    python("-m", "ruff", "check", "--no-cache", ".", cwd=folder)
    python("-m", "ruff", "format", "--no-cache", "--check", ".", cwd=folder)


def test_mypy_finds_nothing(site: Path) -> None:
    """Given a new plugin, When mypy looks at it strictly, Then it has nothing to say."""
    plugin = site.with_name("plugin")

    told = python("-m", "mypy", "--cache-dir", site.with_name("cache"), cwd=plugin)

    assert "no issues found in 7 source files" in told
