"""The `experimentframework` command; it comes with the extra ``cli``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]

_MISSING_EXTRA = 'The command needs its extra: pip install "experimentframework[cli]"'


def main() -> None:
    """Run the command line; leaves with 0 ok, 1 the work failed, 2 usage or configuration."""
    if find_spec("typer") is None or find_spec("rich") is None:
        sys.stderr.write(f"{_MISSING_EXTRA}\n")
        sys.exit(2)
    from experimentframework_core.cli._app import run

    run()
