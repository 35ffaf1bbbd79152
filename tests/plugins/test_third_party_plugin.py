"""A backplane in a distribution of its own: built, installed, and used through YAML."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

distribution = Path(__file__).parent / "experimentframework_jsonlines"

program = """
import asyncio, json, sys

from experimentframework_core import ConfigurationError, DataPlane, Exposure
from experimentframework_core.plugin import Selection
from experimentframework_core.plugins import find_plugin


async def main(configuration, lines):
    async with DataPlane.from_file(configuration) as plane:
        for number in range(20):
            await plane.publish(Exposure(
                experiment_name="checkout", variant_key="express", subject_id=f"u-{number % 2}",
                selection_reason="hash-assignment"))
    plugin = find_plugin("jsonLines")
    options = plugin.options(path=lines)
    read = plugin.read(options, Selection(subjects=("u-1",)))
    return [envelope.payload.subject_id async for envelope in read]


try:
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
except ConfigurationError as error:
    sys.exit(str(error))
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command away from the checkout."""
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a new environment into which the plugin's wheel was installed.

    It sees the packages of this environment too, so that no registry is needed.
    """
    folder = tmp_path_factory.mktemp("third-party")
    environment = folder / "environment"
    built = run(
        sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, distribution
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", environment).check_returncode()
    (site_packages,) = environment.glob("lib/*/site-packages")
    (site_packages / "shared.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    installed = run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        environment,
        "install",
        "--no-deps",
        "--no-index",
        wheel,
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return environment / "bin/python"


def configuration(folder: Path, **options: object) -> Path:
    """Write a configuration with the third party's type and return its path."""
    path = folder / "experiments.yaml"
    path.write_text(
        "experimentFramework:\n"
        "  dataPlane:\n"
        "    backplane:\n"
        "      type: jsonLines\n"
        f"      options: {json.dumps(options)}\n"
    )
    return path


def test_it_delivers_through_yaml(python: Path, tmp_path: Path) -> None:
    """Given its wheel is installed, When YAML names its type, Then it delivers and reads back."""
    lines = tmp_path / "events.jsonl"
    file = configuration(tmp_path, path=str(lines), orderBy="subject", batchSize=7)

    result = run(python, "-c", program, file, lines)

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == ["u-1"] * 10
    events = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [event["payload"]["subjectId"] for event in events] == ["u-0", "u-1"] * 10


def test_its_options_are_validated(python: Path, tmp_path: Path) -> None:
    """Given wrong options of its type, When the file is loaded, Then all problems are told."""
    file = configuration(tmp_path, path="events.txt", orderBy="subjectt")

    result = run(python, "-c", program, file, tmp_path / "events.jsonl")

    assert result.returncode == 1
    assert "experiments.yaml:5:" in result.stderr
    assert "dataPlane.backplane.options.orderBy" in result.stderr


def test_its_own_check_is_asked(python: Path, tmp_path: Path) -> None:
    """Given options that only its `check` can refuse, When loaded, Then its message is told."""
    file = configuration(tmp_path, path="events.txt")

    result = run(python, "-c", program, file, tmp_path / "events.jsonl")

    assert result.returncode == 1
    assert "dataPlane.backplane.options.path" in result.stderr
    assert "must end in .jsonl" in result.stderr


def test_without_its_distribution_the_type_is_unknown(tmp_path: Path) -> None:
    """Given it is not installed, When YAML names its type, Then the error lists what there is."""
    file = configuration(tmp_path, path=str(tmp_path / "events.jsonl"))

    result = run(sys.executable, "-c", program, file, tmp_path / "events.jsonl")

    assert result.returncode == 1
    assert "no installed plugin offers the backplane type 'jsonLines'" in result.stderr
    assert "installed: azureServiceBus, inMemory, " in result.stderr


def test_the_command_shows_its_events_past_a_damaged_line(python: Path, tmp_path: Path) -> None:
    """Given a plugin with a reader, When tail is asked for its events, Then all good ones come."""
    lines = tmp_path / "events.jsonl"
    configured = configuration(tmp_path, path=str(lines))
    run(python, "-c", program, configured, lines).check_returncode()
    good = lines.read_bytes()
    lines.write_bytes(good + b"{}\n" + good)
    command = "from experimentframework_core.cli import main; main()"

    shown = run(python, "-c", command, "tail", "--config", configured, "--all", "--json")

    assert shown.returncode == 1
    assert len(shown.stdout.splitlines()) == 40
    assert "Left out: cannot read the line before byte" in shown.stderr
