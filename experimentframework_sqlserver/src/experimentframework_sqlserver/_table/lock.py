"""Lets one process at a time migrate a table, or remove old rows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from experimentframework_sqlserver._connection.session import Session
    from experimentframework_sqlserver._table.naming import Names

RESOURCE = "experiment {work} [$(Schema)].[$(Table)]"
"""What is locked; not longer than the 255 characters that the server takes."""

Work: TypeAlias = Literal["migrate", "purge"]

_TAKE = """
DECLARE @lock INT;
EXEC @lock = sp_getapplock
    @Resource = N'{resource}',
    @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = {milliseconds};
SELECT @lock;
"""


def take_statement(names: Names, work: Work, *, milliseconds: int) -> str:
    """Return the statements that take a lock until the transaction ends.

    Their result is one number: 0 or more where the lock is ours, less where it is not.
    """
    resource = RESOURCE.format(work=work)
    return names.within(_TAKE.format(resource=resource, milliseconds=milliseconds))


async def take(session: Session, names: Names, work: Work, *, wait: float = 0.0) -> bool:
    """Return whether the lock could be taken within ``wait`` seconds; it ends with the transaction.

    Raises:
        pyodbc.Error: The server refuses, or does not answer.
    """
    await _begin(session)
    statement = take_statement(names, work, milliseconds=int(wait * 1000))
    taken = int(str((await session.run(statement)).rows[0][0])) >= 0
    if not taken:
        # Babelfish ends as a whole when one connection fails at this a few times.
        session.usable = False
    return taken


async def _begin(session: Session) -> None:
    """Begin a transaction: some drivers wait with that for a statement that uses a table."""
    await session.run("SELECT TOP (1) 1 FROM sys.objects")
