"""Has pyodbc ask again for the driver's types, where it keeps a wrong answer.

pyodbc asks once for each connection string, at its first connection, how long texts may be. Where
that connection is lost meanwhile, it keeps values of its own for as long as the process lives, and
the driver refuses every text of more than 4,000 characters: HY104. So the string is changed then,
and after each connection that was lost before it did anything, by semicolons that mean nothing.
"""

from __future__ import annotations

from itertools import cycle

_MOST = 100
"""Strings in turn: pyodbc forgets none of them."""

_endings = cycle(";" * number for number in range(_MOST))
_ending = next(_endings)


def asked_anew(text: str) -> str:
    """Return the connection string as pyodbc does not know it wrongly."""
    return text + _ending


def is_wrong(state: str) -> bool:
    """Return whether an error's SQLSTATE says that pyodbc keeps a wrong answer."""
    return state == "HY104"


def ask_anew() -> None:
    """Have the connections from now on ask again."""
    global _ending  # noqa: PLW0603 - as what pyodbc keeps, it is the process's
    _ending = next(_endings)
