"""Runs one side of a benchmark in this process and writes its figures as JSON."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys


def main() -> None:
    """Call ``tests.benchmarks.<module>.<function>(**parameters)``, as the arguments say."""
    module, function, parameters = sys.argv[1:4]
    side = getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)
    figures = asyncio.run(side(**json.loads(parameters)))
    sys.stdout.write("\n" + json.dumps(figures))


if __name__ == "__main__":
    main()
