"""The command: ``python -m tests.faults kill|points|outage|…``, each with its own ``--help``."""

from __future__ import annotations

import importlib
import sys

names = (
    "kill",
    "points",
    "outage",
    "ends",
    "stop",
    "slow",
    "poison",
    "disk",
    "fuzz",
    "power",
    "simulate",
    "replay",
    "servers",
)


def main(arguments: list[str]) -> int:
    """Run the named fault test; its exit code, or 2 where there is none of that name."""
    name, *rest = arguments or [""]
    if name not in names:
        sys.stderr.write(f"usage: python -m tests.faults {{{','.join(names)}}} [--help]\n")
        return 2
    module = f"tests.faults.{name}"
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        sys.stderr.write(f"{name}: there is no {module} in this checkout\n")
        return 2
    code: int = found.main(rest)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
