"""The how-to is done from top to bottom, as a stranger does it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import blocks_of, docs, write_files

if TYPE_CHECKING:
    from pathlib import Path

page = docs / "how-to/write-a-backplane.md"
steps = [block for block in blocks_of(page, "console", "text") if not block.file]


def run(*command: object, cwd: Path, **environment: str) -> str:
    """Run a command there, and return what it prints."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={"PATH": path, "HOME": str(cwd), "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def lines_of(text: str) -> list[str]:
    """Return the lines that say something, whatever the width of their columns."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line not in ("", "…")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the page's files, its distribution built into ``dist``."""
    folder = tmp_path_factory.mktemp("experimentframework-lines")
    write_files(page, folder)
    run(sys.executable, "-m", "build", "--no-isolation", folder, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def site(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the packages of the wheel; nothing is downloaded."""
    site = tmp_path_factory.mktemp("site")
    offline = ("--quiet", "--no-deps", "--no-index", "--target", site)
    wheels = (folder / "dist").glob("*.whl")
    run(sys.executable, "-m", "pip", "install", *offline, *wheels, cwd=site)
    return site


def test_it_is_less_than_sixty_lines() -> None:
    """Given the files of the distribution, When lines of code are counted, Then they are few."""
    shown = {block.file: block.code for block in blocks_of(page, "python", "toml")}
    files = ("pyproject.toml", "src/experimentframework_lines/__init__.py")

    code = [line for file in files for line in shown[file].splitlines() if line.strip()]

    assert len(code) < 60


def test_each_step_prints_what_the_page_says(folder: Path, site: Path) -> None:
    """Given the installed wheel, When each command is run, Then it prints the lines shown."""
    missing = []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if step.language == "console":
            command = ("/bin/bash", "-euc", step.code)
            printed = lines_of(run(*command, cwd=folder, PYTHONPATH=str(site)))
            if following is not None and following.language == "text":
                missing += [line for line in lines_of(following.code) if line not in printed]

    assert missing == []


def test_what_was_published_is_in_the_file(folder: Path, site: Path, tmp_path: Path) -> None:
    """Given its configuration, When the page's events are published, Then each is a line."""
    write_files(page, tmp_path)
    command = ("experimentframework", "publish", "--config", "experiments.yaml", "events.ndjson")

    run(*command, cwd=tmp_path, PYTHONPATH=str(site))

    lines = (tmp_path / "events.jsonl").read_text("utf-8").splitlines()
    assert ['"eventType":"exposure"' in line for line in lines] == [True, False]


def test_what_was_cut_short_loses_nothing(site: Path, tmp_path: Path) -> None:
    """Given a disk that is full within a line, When it has room again, Then all events arrive."""
    program = """
import asyncio, resource
from experimentframework_core.errors import TransientError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_records
from experimentframework_lines import LinesOptions, plugin

async def main():
    records = make_records(5)
    full = sum(len(record.body) + 1 for record in records[:3]) - 10
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (full, limits[1]))
    async with plugin.open(LinesOptions(path="events.jsonl"), OpenContext(name="lines")) as lines:
        for batch in records[:2], records[2:4]:
            try:
                await lines.deliver(batch)
            except TransientError as error:
                print(error)
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
                await lines.deliver(batch)
        await lines.deliver(records[4:])
    with open("events.jsonl", "rb") as file:
        written = file.read().splitlines()
    bodies = [record.body for record in records]
    print([bodies.index(line) if line in bodies else "half" for line in written])

asyncio.run(main())
"""

    printed = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(site))

    assert printed == "cannot write events.jsonl: File too large\n[0, 1, 'half', 2, 3, 4]\n"


def test_what_is_published_is_the_plugin_alone(folder: Path) -> None:
    """Given the built distribution, When it is looked into, Then no event is in it."""
    wheel, sdist = sorted((folder / "dist").iterdir(), key=lambda path: path.suffix, reverse=True)

    with tarfile.open(sdist) as archive:
        members = {name.partition("/")[2] for name in archive.getnames()}

    assert wheel.name == "experimentframework_lines-0.1.0-py3-none-any.whl"
    assert members == {
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "src/experimentframework_lines/__init__.py",
        "tests/test_lines.py",
    }
