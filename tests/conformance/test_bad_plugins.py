"""Each rule of the kit can fail: run on plugins that break one, exactly that one is found."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from experimentframework_core.testing import BackplaneConformance
from tests.conformance.bad_plugins import (
    cut_short,
    delivery,
    guarantees,
    kit,
    opening,
    plane,
    reading,
    shape,
)
from tests.conformance.bad_plugins.base import Breaking

ROOT = Path(__file__).parents[2]
MODULES = (kit, shape, opening, delivery, guarantees, cut_short, reading, plane)
BAD = {
    name: plugin
    for module in MODULES
    for name, plugin in vars(module).items()
    if isinstance(plugin, type) and issubclass(plugin, Breaking) and "fails" in vars(plugin)
}
CASES = {name for name in dir(BackplaneConformance) if name.startswith("test_")}

Failures = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """Run the kit on every bad plugin; return what failed, by plugin.

    It runs in a process of its own, once, also where several processes share the tests.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "bad"
    folder.mkdir(exist_ok=True)
    report = folder / "report.xml"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not report.exists():
            _run_the_kit(folder, report)

    found: Failures = defaultdict(dict)
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  it is our own report
        for trouble in (*case.findall("failure"), *case.findall("error")):
            plugin = case.get("classname", "").rpartition(".")[2]
            found[plugin][case.get("name", "")] = trouble.get("message", "")
    return found


def _run_the_kit(folder: Path, report: Path) -> None:
    _install_impostor(folder)
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}", "--tb=line"]
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *(str(module.__file__) for module in MODULES)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert report.exists(), done.stdout + done.stderr


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", BAD)
def test_exactly_the_broken_rule_is_found(name: str, failures: Failures) -> None:
    """Given a plugin that breaks one rule, when the kit runs, then that rule's case fails."""
    expected = BAD[name].fails

    found = failures.get(name, {})

    assert set(found) == expected, found


def test_every_case_can_fail() -> None:
    """Given all bad plugins, then there is one for each case of the kit."""
    shown = set().union(*(plugin.fails for plugin in BAD.values()))

    assert CASES - shown == set()


def _install_impostor(folder: Path) -> None:
    """Let a distribution offer the type ``impostor``, by an object that is not under test."""
    info = folder / "impostor-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: impostor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[experimentframework.backplanes]\nimpostor = tests.conformance.reference_plugin:impostor\n"
    )
