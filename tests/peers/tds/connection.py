"""One connection: who signs in, what is asked, what is answered, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, Final

from tests.peers.tds import interpreter
from tests.peers.tds.errors import FATAL, SqlError, unknown
from tests.peers.tds.login import parse_login, prelogin_answer
from tests.peers.tds.packets import Kind, Message, packets_of, read_message
from tests.peers.tds.requests import batch_of, calls_of, transaction_of
from tests.peers.tds.results import Outcome, result_of
from tests.peers.tds.session import Session
from tests.peers.tds.tokens import (
    End,
    Status,
    done,
    error,
    login_answer,
    return_handle,
    return_status,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from tests.peers.tds.faults import Fault, Moment
    from tests.peers.tds.parameters import Parameter, Value
    from tests.peers.tds.requests import Call
    from tests.peers.tds.server import Server


_longest: Final = {12: 8000, -9: 4000, -3: 8000, 93: 27}
"""The lengths of VARCHAR, NVARCHAR, VARBINARY and, in characters, DATETIME2, by ODBC's numbers."""


class Cut(Exception):  # noqa: N818  it is what happens, not an error
    """The connection ends here."""


class Connection:
    """Reads requests and answers them, one after another."""

    def __init__(
        self,
        server: Server,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        number: int,
    ) -> None:
        """Store where it comes from; `serve` does the rest."""
        self._server = server
        self._reader = reader
        self._writer = writer
        self._number = number
        self._session: Session | None = None
        self._prepared: dict[int, str] = {}
        self._before_error = b""
        self._hearing: asyncio.Task[Message] | None = None

    async def serve(self) -> None:
        """Answer until the client has gone, or the connection is cut."""
        try:
            while True:
                await self._send(await self._answer(await self._next()))
        except (Cut, OSError, EOFError, asyncio.IncompleteReadError):
            pass
        finally:
            self.cut()
            if self._hearing is not None:
                await _ended(self._hearing)
            if self._session is not None:
                await self._session.close()

    def cut(self) -> None:
        """End it at once."""
        self._writer.transport.abort()

    async def _next(self) -> Message:
        message = await self._hear()
        self._hearing = None
        return message

    def _hear(self) -> asyncio.Task[Message]:
        """Return the task that reads the next message; it goes on while a request is worked on."""
        if self._hearing is None:
            self._hearing = asyncio.create_task(read_message(self._reader))
        return self._hearing

    async def _send(self, answer: bytes) -> None:
        for packet in packets_of(answer):
            self._writer.write(packet)
        await self._writer.drain()

    async def _answer(self, message: Message) -> bytes:
        if message.kind is Kind.PRELOGIN:
            return prelogin_answer()
        if message.kind is Kind.LOGIN:
            return await self._login(message.payload)
        if message.kind is Kind.ATTENTION:
            return done(status=Status.ATTENTION)
        end = End.DONE_PROC if message.kind is Kind.RPC else End.DONE
        try:
            return await self._heeding(self._request(message))
        except SqlError as refused:
            return await self._refuse(refused, end)
        except (Cut, OSError, EOFError):
            raise
        except Exception as broken:  # noqa: BLE001  whoever asked must hear of it, or would wait
            traceback.print_exc()
            what = f"the TDS peer of these tests is broken: {broken!r}"
            return await self._refuse(SqlError(50002, what, severity=FATAL), end)

    async def _login(self, payload: bytes) -> bytes:
        login = parse_login(payload)
        self._server.state.logins += 1
        try:
            await self._with_faults("login", (login.user, login.database), _nothing)
            database = self._server.admit(login)
        except SqlError as refused:
            await self._send(error(refused) + done(status=Status.ERROR))
            raise Cut from refused
        self._session = Session(database, self._number)
        self._session.trouble = self._trouble
        return login_answer(database.name) + done()

    async def _refuse(self, refused: SqlError, end: End) -> bytes:
        """Return an error; a fatal one is the last that the client hears."""
        before, self._before_error = self._before_error, b""
        answer = before + error(refused) + self._changes() + done(end, Status.ERROR)
        if refused.severity < FATAL:
            return answer
        await self._send(answer)
        raise Cut from refused

    async def _heeding(self, request: Coroutine[None, None, bytes]) -> bytes:
        """Return what the request comes to, unless the client cancels it or goes away."""
        working = asyncio.create_task(request)
        try:
            while not working.done():
                hearing = self._hear()
                await asyncio.wait({working, hearing}, return_when=asyncio.FIRST_COMPLETED)
                if hearing.done() and self._is_cancelled(hearing):
                    return await self._cancelled(working)
            return working.result()
        finally:
            await _ended(working)

    def _is_cancelled(self, hearing: asyncio.Task[Message]) -> bool:
        """Return whether the client cancels; a server that is deaf takes no notice."""
        if hearing.result().kind is not Kind.ATTENTION:
            raise Cut  # the client waits for its answer before it asks for more
        self._hearing = None
        return not self._server.deaf

    async def _cancelled(self, working: asyncio.Task[bytes]) -> bytes:
        self._server.state.cancelled += 1
        await _ended(working)
        return self._changes() + done(status=Status.ATTENTION)

    # Requests.

    async def _request(self, message: Message) -> bytes:
        if message.kind is Kind.TRANSACTION:
            return await self._transaction(message.payload)
        if message.kind is Kind.BATCH:
            text = batch_of(message.payload)
            return await self._run(text, (), End.DONE)
        calls = [await self._call(call) for call in calls_of(message.payload)]
        return b"".join(
            answer + done(End.DONE_PROC, Status.FINAL if at == len(calls) else Status.MORE)
            for at, answer in enumerate(calls, start=1)
        )

    async def _transaction(self, payload: bytes) -> bytes:
        asked = transaction_of(payload)
        session = self._signed_in()
        if asked.verb == "begin":
            session.begin()
            return self._changes() + done()
        if asked.verb == "commit":
            await self._with_faults("commit", ("",), session.commit)
            self._server.state.commits += 1
        else:
            await session.rollback()
        if asked.again:
            session.begin()
        return self._changes() + done()

    async def _call(self, call: Call) -> bytes:
        values = [parameter.value for parameter in call.parameters]
        given = call.parameters
        returned, handle = b"", 0
        match call.procedure:
            case "sp_executesql":
                text, given = str(values[0]), given[2:]
            case "sp_prepexec" | "sp_prepare":
                handle = max(self._prepared, default=0) + 1
                self._prepared[handle] = text = str(values[2])
                returned, given = return_handle(handle), given[3:]
            case "sp_execute":
                assert isinstance(values[0], int)
                text, given = self._prepared[values[0]], given[1:]
            case "sp_unprepare":
                assert isinstance(values[0], int)
                del self._prepared[values[0]]
                return return_status(0)
            case "[sys].sp_datatype_info_100":
                await self._with_faults("types", ("",), _nothing)
                answer = result_of(_type_info(values), End.DONE_IN_PROC, Status.MORE)
                return answer + return_status(0)
            case _:
                raise unknown("the procedure", call.procedure)
        if call.procedure == "sp_prepare":
            return return_status(0) + returned
        session = self._signed_in()
        options = session.options
        try:
            answer = await self._run(text, _named(given), End.DONE_IN_PROC)
        finally:
            session.options = options  # what a call sets ends with it
        return answer + return_status(0) + returned

    async def _run(self, text: str, given: Sequence[Parameter], end: End) -> bytes:
        """Run a batch, with what goes wrong at statements."""
        session = self._signed_in()
        outcomes: list[Outcome] = []

        async def run() -> None:
            await interpreter.run(session, text, given, outcomes)

        self._server.state.statements += 1
        texts = [text, *(each.value for each in given if isinstance(each.value, str))]
        try:
            await self._with_faults("statement", texts, run)
        except SqlError:
            self._before_error = b"".join(result_of(each, end, Status.MORE) for each in outcomes)
            raise
        outcomes = outcomes or [Outcome()]
        last = len(outcomes) if end is End.DONE else 0
        return self._changes() + b"".join(
            result_of(outcome, end, Status.FINAL if at == last else Status.MORE)
            for at, outcome in enumerate(outcomes, start=1)
        )

    def _signed_in(self) -> Session:
        if self._session is None:
            raise Cut
        return self._session

    def _changes(self) -> bytes:
        """Return what the client has not heard of its transactions."""
        if self._session is None:
            return b""
        told, self._session.changes = self._session.changes, b""
        return told

    # What goes wrong.

    async def _with_faults(
        self, moment: Moment, texts: Sequence[str], act: Callable[[], Awaitable[None]]
    ) -> None:
        fault = self._server.faults.take(moment, *texts)
        if fault is not None and not fault.after:
            await self._strike(fault)
        await act()
        if fault is not None and fault.after:
            await self._strike(fault)

    async def _trouble(self, text: str) -> None:
        await self._with_faults("query", (text,), _nothing)

    async def _strike(self, fault: Fault) -> None:
        if fault.what == "cut":
            raise Cut
        if fault.what == "error":
            if fault.dooms and self._session is not None:
                await self._session.rollback()
            raise SqlError(fault.number, fault.message, severity=fault.severity)
        if fault.what == "slow":
            await asyncio.sleep(fault.seconds)
        else:
            await self._server.hang(deaf=fault.deaf)


def _type_info(values: Sequence[Value]) -> Outcome:
    """Return how long a value of one of ODBC's types may be; pyodbc asks when it connects."""
    kind, *_ = values
    assert isinstance(kind, int)
    size = _longest.get(kind, 0)
    return Outcome(1, ["TYPE_NAME", "DATA_TYPE", "PRECISION"], [["a type", kind, size]])


def _named(given: Sequence[Parameter]) -> list[Parameter]:
    """Return parameters that have names: those that go by their place are ``@P1`` and so on."""
    return [
        parameter if parameter.name else parameter._replace(name=f"@P{at}")
        for at, parameter in enumerate(given, start=1)
    ]


async def _nothing() -> None:
    pass


async def _ended(task: asyncio.Task[bytes] | asyncio.Task[Message]) -> None:
    """Cancel a task, and wait until it has ended."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
