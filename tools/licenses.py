"""Lists the licences of what the distributions need: ``python -m tools.licenses``.

It writes the table of ``docs/reference/licenses.md`` from the metadata of what is installed. A
licence that nobody has looked at is an error.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools.requirements import installed, needed

if TYPE_CHECKING:
    from importlib import metadata

PAGE = Path("docs/reference/licenses.md")

EVERYTHING = (
    "experimentframework[all]",
    "experimentframework-servicebus[identity]",
    "experimentframework-sqlserver[driver]",
)
"""All that an application can ask for."""

PERMISSIVE = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0",
        "PSF-2.0", "Unlicense", "Zlib",
    }
)  # fmt: skip
"""Licences that ask for no more than their notice."""

LOOKED_AT = frozenset({"MPL-2.0", "Microsoft"})
"""Others that were read; the page says what they ask for."""

_ALIASES = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "other/proprietary license": "Microsoft",
    "psf license": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
"""What classifiers and old metadata say, folded, and what they mean."""

_TABLE = re.compile(r"(<!-- licences -->\n).*?(<!-- end -->\n)", re.DOTALL)


class Row(NamedTuple):
    """A distribution that is needed, its licence, and by which of ours it is."""

    name: str
    licence: str
    needed_by: str


def licence_of(distribution: metadata.Distribution) -> str:
    """Return the licence that the metadata says, as an SPDX expression where it is known."""
    said = distribution.metadata
    if expression := said.get_all("License-Expression"):
        return str(expression[0])
    classified = [
        str(each).rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or ()
        if each.startswith("License :: ")
    ]
    spelt = str(*(said.get_all("License") or ())).strip()
    for text in (spelt, *classified):
        if (known := _ALIASES.get(text.casefold(), text)) in PERMISSIVE | LOOKED_AT:
            return known
    return " or ".join(classified) or spelt.partition("\n")[0] or "none said"


def is_known(licence: str) -> bool:
    """Return whether somebody has looked at each licence of an expression."""
    names = re.split(r" AND | OR |[()]| WITH ", licence)
    return all(name.strip() in PERMISSIVE | LOOKED_AT for name in names if name.strip())


def rows() -> list[Row]:
    """Return what an application can get beside our own distributions, by name."""
    there = installed()
    ours = [name for name in there if name.startswith("experimentframework-")]
    by_name = {name: needed([name], there) for name in ours}
    found = []
    for name in sorted(needed(EVERYTHING, there)):
        if name not in there or name.startswith("experimentframework"):
            continue
        users = sorted(
            user.removeprefix("experimentframework-")
            for user, asked in by_name.items()
            if name in asked
        )
        by = "core" if "core" in users else ", ".join(users) or "an extra"
        found.append(Row(there[name].metadata["Name"], licence_of(there[name]), by))
    return found


def table() -> str:
    """Return the rows in Markdown."""
    head = "| distribution | licence | needed by |\n|---|---|---|\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows())


def main() -> None:
    """Renew the table of the page; fail where a licence is unknown."""
    if unknown := [f"{row.name}: {row.licence}" for row in rows() if not is_known(row.licence)]:
        sys.exit("nobody has looked at these licences:\n" + "\n".join(unknown))
    text = PAGE.read_text("utf-8")
    PAGE.write_text(_TABLE.sub(lambda found: found[1] + "\n" + table() + "\n" + found[2], text))


if __name__ == "__main__":
    main()
