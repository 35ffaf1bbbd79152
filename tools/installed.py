"""Checks that an environment has exactly what a requirement asks for.

``python -m tools.installed SITE_PACKAGES 'experimentframework[kafka]' experimentframework …`` fails
where something is missing, something else is there, or the distributions of the project that are
there are not those that are named.
"""

from __future__ import annotations

import sys

from tools.requirements import installed, needed

OURS = "experimentframework"


def faults(folder: str, requirement: str, ours: set[str]) -> list[str]:
    """Return what is wrong with an environment.

    Args:
        folder: Its ``site-packages``.
        requirement: What was installed into it.
        ours: The distributions of the project that this is to bring.
    """
    there = installed(folder)
    asked = needed([requirement], there)
    found = {str(name) for name in there if name.startswith(OURS)}
    return [
        *(f"{name} is missing" for name in sorted(asked - there.keys())),
        *(f"{name} is there, and nothing asks for it" for name in sorted(there.keys() - asked)),
        *(f"{name} is not brought by {requirement}" for name in sorted(ours - found)),
        *(f"{name} is brought by {requirement}" for name in sorted(found - ours)),
    ]


def main() -> None:
    """Print how many distributions there are, or what is wrong."""
    folder, requirement, *ours = sys.argv[1:]
    if found := faults(folder, requirement, set(ours)):
        sys.exit("\n".join(found))
    print(f"{requirement}: {len(installed(folder))} distributions, of these {', '.join(ours)}")


if __name__ == "__main__":
    main()
