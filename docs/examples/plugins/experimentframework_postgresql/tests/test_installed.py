"""The distribution, built and installed, and used through YAML."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from postgresql_server import PostgreSqlServer

_distribution = Path(__file__).parents[1]
_program = """
import asyncio, sys

from experimentframework_core import DataPlane, Exposure


async def main():
    async with DataPlane.from_file("experiments.yaml") as plane:
        for number in range(20):
            await plane.publish(Exposure(
                experiment_name="checkout", variant_key="express", subject_id=f"u-{number}",
                selection_reason="hash-assignment"))
        await plane.flush()
        print(len([event async for event in plane.read(subjects=("u-7",))]))


asyncio.run(main())
"""
_configuration = """
experimentFramework:
  dataPlane:
    deadLetter: { type: file, options: { path: ./letters.ndjson } }
    backplane:
      type: postgreSql
      options:
        connectionString: ${SHOP_DATABASE}
        password: ${SHOP_PASSWORD}
        tableName: installed
        autoMigrate: true
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the distribution, installed from its sources without a network."""
    folder = tmp_path_factory.mktemp("installed")
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    subprocess.run(
        (*command, "--no-build-isolation", "--target", folder, _distribution), check=True
    )
    return folder


def run(
    installed: Path, server: PostgreSqlServer, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run Python where the distribution is installed and the configuration is."""
    (folder / "experiments.yaml").write_text(_configuration)
    environment = {
        "PYTHONPATH": str(installed),
        "SHOP_DATABASE": server.url(),
        "SHOP_PASSWORD": server.password,
    }
    return subprocess.run(
        (sys.executable, *arguments),
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
    )


def test_it_delivers_and_reads_through_yaml(
    installed: Path, server: PostgreSqlServer, tmp_path: Path
) -> None:
    """Given it is installed, When YAML names its type, Then it delivers and reads back."""
    done = run(installed, server, tmp_path, "-c", _program)

    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_commands_know_it(installed: Path, server: PostgreSqlServer, tmp_path: Path) -> None:
    """Given it is installed, When doctor is asked, Then it says that the database answers."""
    command = "from experimentframework_core.cli import main; main()"

    done = run(installed, server, tmp_path, "-c", command, "doctor", "--config", "experiments.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert server.password not in done.stdout + done.stderr
