"""Prints the script that makes the table, for somebody who may."""

from __future__ import annotations

import argparse
import sys

from experimentframework_postgresql._migrations import script
from experimentframework_postgresql._names import Names


def main() -> None:
    """Write the script to standard output."""
    parser = argparse.ArgumentParser(
        "python -m experimentframework_postgresql", description=__doc__
    )
    parser.add_argument("--schema", default="public")
    parser.add_argument("--table-name", default="experiment_events")
    arguments = parser.parse_args()
    sys.stdout.write(script(Names(arguments.schema, arguments.table_name)))


if __name__ == "__main__":
    main()
