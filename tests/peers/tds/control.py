"""What a test says to the process, and what it hears."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from tests.peers.tds.faults import Fault
from tests.peers.tds.server import State

Row: TypeAlias = tuple[str | int | float | None, ...]


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be done, in this order.

    Attributes:
        create: Make a database of that name.
        release: Let everything that hangs go on, and nothing more go wrong.
        cut: Cut every connection.
        faults: Have these happen.
        query: Execute a query, in SQLite's own dialect, in a database.
    """

    create: str | None = None
    release: bool = False
    cut: bool = False
    faults: list[Fault] = []
    query: tuple[str, str] | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened so far, and the rows of the query."""

    state: State
    rows: list[Row] | None = None
