"""Carries out the statements of a batch, one after another."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tests.peers.tds import moments
from tests.peers.tds import statements as sql
from tests.peers.tds.definitions import NewSchema, definition
from tests.peers.tds.errors import SqlError, unknown
from tests.peers.tds.lexer import is_word
from tests.peers.tds.results import Outcome
from tests.peers.tds.tokens import NAME
from tests.peers.tds.translation import expression, query, variable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from tests.peers.tds.lexer import Item
    from tests.peers.tds.parameters import Parameter, Value
    from tests.peers.tds.results import Cell
    from tests.peers.tds.session import Session
    from tests.peers.tds.types import Stored

_writes: Final = ("INSERT", "UPDATE", "DELETE")


async def run(
    session: Session, text: str, parameters: Sequence[Parameter] = ()
) -> AsyncIterator[Outcome]:
    """Yield what the statements of a batch come to.

    Raises:
        SqlError: A statement is refused; those before it stay done, and those behind it wait.
    """
    given = {variable(each.name): _stored(each.value) for each in parameters}
    try:
        async for outcome in _Batch(session, given).all(sql.parse(text)):
            yield outcome
    except SqlError as error:
        if error.dooms or session.aborts:
            await session.rollback()
        raise


class _Batch:
    """A batch on its way, and its variables."""

    def __init__(self, session: Session, variables: dict[str, Stored]) -> None:
        self._session = session
        self._variables = variables
        self._rows = 0
        self._over = False

    async def all(self, found: Sequence[sql.Statement]) -> AsyncIterator[Outcome]:
        for statement in found:
            if self._over:
                return
            if isinstance(statement, sql.Query):
                yield await self._query(statement.items)
            elif isinstance(statement, sql.Branch):
                chosen = statement.then
                if not self._value(statement.condition):
                    chosen = statement.otherwise
                async for outcome in self.all(chosen):
                    yield outcome
            elif isinstance(statement, sql.Execution) and not statement.procedure:
                async for outcome in self.all(sql.parse(self._text(statement))):
                    yield outcome
            else:
                await self._step(statement)

    async def _step(self, statement: sql.Step) -> None:
        """Carry out what has no result."""
        match statement:
            case sql.Definition(items):
                await self._define(items)
            case sql.Assignment(name, items):
                self._variables[variable(name)] = self._value(items)
            case sql.Setting(words):
                self._set(words)
            case sql.Transaction(verb):
                await self._transaction(verb)
            case sql.Throw(arguments):
                number, message, state = (self._value(each) for each in arguments)
                raise SqlError(int(number or 0), str(message), state=int(state or 0))
            case sql.Pause(seconds):
                await asyncio.sleep(seconds)
            case sql.Execution():
                await self._call(statement)
            case sql.Return():
                self._over = True

    async def _query(self, items: Sequence[Item]) -> Outcome:
        text, variables = query(items), self._known()
        if any(is_word(item, *_writes) for item in items):
            self._rows = (await self._session.write(text, variables)).rowcount
            return Outcome(self._rows)
        cursor = self._session.read(text, variables)
        rows = [tuple(map(_shown, row)) for row in cursor]
        self._rows = len(rows)
        return Outcome(len(rows), [_column_name(column[0]) for column in cursor.description], rows)

    async def _define(self, items: Sequence[Item]) -> None:
        made = definition(items)
        if isinstance(made, NewSchema):
            text = "INSERT INTO [sys.schemas] VALUES (@name)"
            await self._session.write(text, {"name": made.name})
        else:
            await self._session.write(made, self._known())

    def _set(self, words: str) -> None:
        match words.split():
            case ["IMPLICIT_TRANSACTIONS", value]:
                self._session.implicit = value == "ON"
            case ["XACT_ABORT", value]:
                self._session.aborts = value == "ON"
            case _:
                pass  # of no effect here: NOCOUNT, TEXTSIZE, ANSI_NULLS and their like

    async def _transaction(self, verb: str) -> None:
        if verb == "begin":
            self._session.begin()
        elif verb == "commit":
            await self._session.commit()
        else:
            await self._session.rollback()

    async def _call(self, called: sql.Execution) -> None:
        given = {name[1:].lower(): self._value(items) for name, items in called.arguments}
        for_session = given.get("lockowner") == "Session"
        if called.procedure == "sp_getapplock":
            if given["lockmode"] != "Exclusive":
                raise unknown("another mode of sp_getapplock than Exclusive", str(given))
            milliseconds = int(given.get("locktimeout") or 0)
            seconds = None if milliseconds < 0 else milliseconds / 1000
            name = str(given["resource"])
            status = await self._session.lock(name, for_session=for_session, seconds=seconds)
        elif called.procedure == "sp_releaseapplock":
            status = await self._session.unlock(str(given["resource"]), for_session=for_session)
        else:
            raise unknown("the procedure", called.procedure)
        if called.into is not None:
            self._variables[variable(called.into)] = status

    def _text(self, called: sql.Execution) -> str:
        """Return the text that EXEC (…) executes."""
        ((_, items),) = called.arguments
        return str(self._value(items))

    def _value(self, items: Sequence[Item]) -> Stored:
        return self._session.value(expression(items), self._known()) if items else None

    def _known(self) -> Mapping[str, Stored]:
        """Return the batch's own variables, and those of the server."""
        return {
            **self._variables,
            "server_trancount": self._session.depth,
            "server_rowcount": self._rows,
            "server_spid": self._session.number,
            "server_version": NAME,
        }


def _column_name(written: str) -> str:
    """Return the name of a column; an expression without one has none, where SQLite shows it."""
    return written if written.isidentifier() else ""


def _shown(cell: Cell) -> Cell:
    return moments.moment_of(cell) if moments.is_moment(cell) else cell


def _stored(value: Value) -> Stored:
    """Return a parameter as SQLite keeps it."""
    if isinstance(value, datetime):
        return moments.kept(value.isoformat() if value.tzinfo else f"{value.isoformat()}Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, uuid.UUID):
        return str(value).upper()
    return value
