"""The example plugins, each as its own distribution."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.packaging.layout import project, root

folders = sorted(path.parent for path in (root / "docs/examples/plugins").glob("*/pyproject.toml"))
core_version = project(root)["version"]
list_plugins = (
    "import sys; from experimentframework_core.cli import main;"
    " sys.argv[1:] = ['plugins', '--json']; main()"
)

each_plugin = pytest.mark.parametrize("folder", folders, ids=lambda folder: folder.name)


def python(*arguments: object, cwd: Path, site: Path | None = None) -> str:
    """Run this Python there, with the packages of ``site`` before its own; return its output."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site or "")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@each_plugin
def test_its_wheel_is_a_plugin(folder: Path, tmp_path: Path) -> None:
    """Given its wheel, When it is installed, Then its type is listed, typed and licensed."""
    build = ("-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, folder)
    python(*build, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    offline = ("--quiet", "--no-deps", "--no-index", "--target", site)
    python("-m", "pip", "install", *offline, wheel, cwd=tmp_path)

    listed = json.loads(python("-c", list_plugins, cwd=tmp_path, site=site))["plugins"]

    name = folder.name.replace("_", "-")
    (mine,) = (each for each in listed if each["distribution"] == name)
    assert (mine["state"], mine["error"]) == ("ok", None)
    files = {Path(member).name for member in zipfile.ZipFile(wheel).namelist()}
    assert {"py.typed", "LICENSE", "_options.py", "_backplane.py", "_errors.py"} <= files


@each_plugin
def test_its_tests_are_found_in_its_folder_alone(folder: Path) -> None:
    """Given its folder, When pytest is started there, Then it finds the plugin and its tests."""
    found = python("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", cwd=folder)

    assert "test_conformance.py::" in found


@each_plugin
def test_it_asks_for_this_core(folder: Path) -> None:
    """Given its metadata, When they are read, Then it asks for the core at this version."""
    metadata = tomllib.loads((folder / "pyproject.toml").read_text())["project"]

    assert f"experimentframework-core~={core_version}" in metadata["dependencies"]


def test_there_are_examples() -> None:
    """Given the folder of examples, When it is listed, Then the lake is one of them."""
    assert "experimentframework_lake" in [folder.name for folder in folders]
