"""The command ``python -m tests.benchmarks``: runs one of the benchmarks, or all."""

from __future__ import annotations

import argparse
import importlib
import sys

import msgspec

from tests.benchmarks import _report
from tests.benchmarks._run import NothingToMeasureError, SideFailedError

_names = (
    "publish",
    "expose",
    "memory",
    "drain",
    "durable",
    "disk",
    "sqlite",
    "export",
    "kafka",
    "sqlserver",
    "servicebus",
    "tail",
    "replay",
    "config",
    "web",
    "peers",
    "loss",
)


def main() -> int:
    """Run the named benchmarks and print each report; 1 when one could not run.

    A missed bar is printed, and is no reason to fail: what else the machine does decides too.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("benchmark", choices=[*_names, "all"])
    parser.add_argument("--json", action="store_true", help="one JSON document, no table")
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, no more")
    arguments = parser.parse_args()
    names = _names if arguments.benchmark == "all" else (arguments.benchmark,)
    machine = _report.machine()
    if not arguments.json:
        _write("".join(f"{key}: {value}\n" for key, value in machine.items()))
    reports, failed = [], False
    for name in names:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        try:
            report = module.run(quick=arguments.quick)
        except (NothingToMeasureError, SideFailedError) as error:
            failed = True
            sys.stderr.write(f"{name}: {error}\n")
            continue
        reports.append(report)
        if not arguments.json:
            _write(f"\n{_report.as_text(report)}\n")
    if arguments.json:
        document = {"machine": machine, "quick": arguments.quick, "reports": reports}
        _write(msgspec.json.encode(document).decode() + "\n")
    return 1 if failed else 0


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
