"""What an outbox needs of the connections and cursors of pyodbc and of aioodbc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Executed(Protocol):
    """What the execution of a statement gives: a cursor."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def close(self) -> None:
        """Close it."""


class Database(Protocol):
    """A connection or a cursor of pyodbc."""

    def execute(self, sql: str, /, *parameters: object) -> Executed:
        """Execute a statement."""


class AsyncExecuted(Protocol):
    """What the execution of a statement gives: a cursor."""

    async def close(self) -> None:
        """Close it."""


class AsyncDatabase(Protocol):
    """A connection or a cursor of aioodbc."""

    def execute(self, sql: str, /, *parameters: object) -> Coroutine[Any, Any, AsyncExecuted]:
        """Execute a statement."""
