"""Prints the script that makes the table, for somebody who may."""

from __future__ import annotations

import argparse
import sys

from experimentframework_postgresql._migrations import script
from experimentframework_postgresql._names import (
    LONGEST_NAME,
    LONGEST_TABLE,
    Names,
    why_no_name,
)


def main() -> None:
    """Write the script to standard output."""
    parser = argparse.ArgumentParser(
        "python -m experimentframework_postgresql", description=__doc__
    )
    parser.add_argument("--schema", default="public")
    parser.add_argument("--table-name", default="experiment_events")
    arguments = parser.parse_args()
    for option, name, longest in (
        ("--schema", arguments.schema, LONGEST_NAME),
        ("--table-name", arguments.table_name, LONGEST_TABLE),
    ):
        if why := why_no_name(name, longest):
            parser.error(f"{option}: {why}")
    sys.stdout.write(script(Names(arguments.schema, arguments.table_name)))


if __name__ == "__main__":
    main()
