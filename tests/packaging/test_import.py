"""Importing the package is quick, because what is heavy loads where it is used."""

from __future__ import annotations

import subprocess
import sys

heavy_modules = (
    "experimentframework_core.cli",
    "experimentframework_core.cloudevents",
    "experimentframework_core.compatibility",
    "experimentframework_core.testing",
    "google",
    "grpc",
    "httpx",
    "opentelemetry",
    "platformdirs",
    "pytest",
    "rich",
    "ruamel",
    "scipy",
    "sqlite3",
    "structlog",
    "typer",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python, isolated from its environment's settings."""
    return subprocess.run(
        [sys.executable, "-I", *arguments], check=True, capture_output=True, text=True
    )


def test_heavy_modules_are_not_imported() -> None:
    """Given a fresh process, When the package is imported, Then no heavy module comes with it."""
    code = "import sys; from experimentframework_core import *; print('\\n'.join(sys.modules))"

    loaded = run("-c", code).stdout.split()

    assert [name for name in heavy_modules if name in loaded] == []


def test_the_plane_comes_when_it_is_asked_for() -> None:
    """Given a fresh process, When the package is imported, Then asyncio and the plane wait."""
    code = (
        "import sys, experimentframework_core as core; before = set(sys.modules);"
        "core.DataPlane; print('DataPlane' in dir(core), *sorted(set(sys.modules) - before))"
    )

    listed, *later = run("-c", code).stdout.split()

    assert listed == "True"
    assert {"asyncio", "experimentframework_core.plane"} <= set(later)
