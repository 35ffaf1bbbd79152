"""Runs the installed command, as its users do."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import msgspec

COMMAND = Path(sysconfig.get_path("scripts")) / "experimentframework"


class Ran(msgspec.Struct):
    """What a run of the command left behind."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """Return the one JSON document on stdout."""
        return json.loads(self.out)


def run(*arguments: object, stdin: str | bytes = b"", **environment: str) -> Ran:
    """Run the command to its end."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        check=False,
        timeout=250,
        env=environment_with(**environment),
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_here(*arguments: object) -> Ran:
    """Run the command in this process: faster where nothing depends on the process."""
    from typer.testing import CliRunner

    from experimentframework_core.cli._app import app_with

    done = CliRunner().invoke(app_with(), [*map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return Ran(done.exit_code, done.stdout, done.stderr)


def environment_with(**more: str) -> dict[str, str]:
    """Return this process's environment without what would change the output."""
    import os

    hidden = {"COLUMNS", "FORCE_COLOR", "NO_COLOR"}
    return {k: v for k, v in os.environ.items() if k not in hidden} | more
