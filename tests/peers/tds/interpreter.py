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
from tests.peers.tds.lexer import is_word, written
from tests.peers.tds.names import variable
from tests.peers.tds.results import Outcome
from tests.peers.tds.tokens import NAME
from tests.peers.tds.translation import expression, query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.peers.tds.lexer import Item
    from tests.peers.tds.parameters import Parameter, Value
    from tests.peers.tds.results import Cell
    from tests.peers.tds.session import Session
    from tests.peers.tds.types import Stored

_bits: Final = {"NOCOUNT": 512, "XACT_ABORT": 16384}
"""The options that have an effect here, or are asked for, by their bit in @@OPTIONS."""

_writes: Final = ("INSERT", "UPDATE", "DELETE")


async def run(
    session: Session, text: str, parameters: Sequence[Parameter], outcomes: list[Outcome]
) -> None:
    """Carry out a batch; each statement with a result adds it to ``outcomes``.

    Raises:
        SqlError: A statement is refused; those before it stay done, those behind it are not.
    """
    given = {variable(each.name): _stored(each.value) for each in parameters}
    try:
        await _Batch(session, given, outcomes).all(sql.parse(text))
    except SqlError as error:
        if error.dooms or session.options & _bits["XACT_ABORT"]:
            await session.rollback()
        raise


class _Batch:
    """A batch on its way, and its variables."""

    def __init__(
        self, session: Session, variables: dict[str, Stored], outcomes: list[Outcome]
    ) -> None:
        self._session = session
        self._variables = variables
        self._outcomes = outcomes
        self._rows = 0
        self._caught: SqlError | None = None
        self._over = False

    async def all(self, found: Sequence[sql.Statement]) -> None:
        for statement in found:
            if not self._over:
                await self._one(statement)

    async def _one(self, statement: sql.Statement) -> None:
        match statement:
            case sql.Query(items):
                self._outcomes.append(await self._query(items))
            case sql.Definition(items):
                await self._define(items)
            case sql.Branch(condition, then, otherwise):
                await self.all(then if self._value(condition) else otherwise)
            case sql.Attempt():
                await self._attempt(statement)
            case sql.Execution():
                await self._execute(statement)
            case sql.Transaction(verb):
                await self._transaction(verb)
            case sql.Pause(seconds):
                await asyncio.sleep(seconds)
            case _:
                self._step(statement)

    def _step(self, statement: sql.Step) -> None:
        """Carry out what touches no table."""
        match statement:
            case sql.Assignment(name, items):
                self._variables[variable(name)] = self._value(items)
            case sql.Setting(words):
                self._set(words)
            case sql.Throw(arguments):
                raise self._thrown([self._value(each) for each in arguments])
            case sql.Return():
                self._over = True

    async def _attempt(self, statement: sql.Attempt) -> None:
        try:
            await self.all(statement.tried)
        except SqlError as error:
            if error.dooms:
                await self._session.rollback()
            self._caught = error
            await self.all(statement.caught)

    def _thrown(self, arguments: Sequence[Stored]) -> SqlError:
        if arguments:
            number, message, state = arguments
            return SqlError(int(number or 0), str(message), state=int(state or 0))
        if self._caught is None:
            return SqlError(10704, "To rethrow an error, THROW must be inside a CATCH block.")
        return self._caught

    async def _query(self, items: Sequence[Item]) -> Outcome:
        await self._session.trouble(written(items))
        text, variables = query(items), self._known()
        if any(is_word(item, *_writes) for item in items):
            self._rows = (await self._session.write(text, variables)).rowcount
            return Outcome(self._rows)
        cursor = self._session.read(text, variables)
        rows = [tuple(map(_shown, row)) for row in cursor]
        self._rows = len(rows)
        names = [_column_name(column[0]) for column in cursor.description]
        return Outcome(len(rows), names, rows)

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
            case [option, value] if option in _bits:
                others = self._session.options & ~_bits[option]
                self._session.options = others | (_bits[option] if value == "ON" else 0)
            case _:
                pass  # of no effect here: TEXTSIZE, ANSI_NULLS and their like

    async def _transaction(self, verb: str) -> None:
        if verb == "begin":
            self._session.begin()
        elif verb == "commit":
            await self._session.commit()
        else:
            await self._session.rollback()

    async def _execute(self, called: sql.Execution) -> None:
        given = {name[1:].lower(): self._value(items) for name, items in called.arguments}
        if not called.procedure:
            await self.all(sql.parse(str(given[""])))
            return
        status = await self._call(called.procedure, given)
        if called.into is not None:
            self._variables[variable(called.into)] = status

    async def _call(self, procedure: str, given: Mapping[str, Stored]) -> int:
        name, for_session = str(given.get("resource")), given.get("lockowner") == "Session"
        if procedure == "sp_releaseapplock":
            return await self._session.unlock(name, for_session=for_session)
        if procedure != "sp_getapplock" or given.get("lockmode") != "Exclusive":
            raise unknown("this use of the procedure", f"{procedure} {given}")
        milliseconds = int(given.get("locktimeout") or 0)
        seconds = None if milliseconds < 0 else milliseconds / 1000
        return await self._session.lock(name, for_session=for_session, seconds=seconds)

    def _value(self, items: Sequence[Item]) -> Stored:
        return self._session.value(expression(items), self._known()) if items else None

    def _known(self) -> Mapping[str, Stored]:
        """Return the batch's own variables, and those of the server."""
        return {
            **self._variables,
            "server_options": self._session.options,
            "server_trancount": self._session.depth,
            "server_rowcount": self._rows,
            "server_spid": self._session.number,
            "server_version": NAME,
            "server_error_number": None if self._caught is None else self._caught.number,
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
