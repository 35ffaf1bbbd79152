"""What a client asks for. [MS-TDS] 2.2.6.6, 2.2.6.7 and 2.2.6.9."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.peers.tds.errors import unknown
from tests.peers.tds.parameters import Parameter, read_parameter
from tests.peers.tds.wire import NULL_SHORT, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

_procedures: Final = {
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    15: "sp_unprepare",
}
"""Those that a call may name by number. [MS-TDS] 2.2.6.6."""

_next_call: Final = (0x80, 0xFF)
_transactions: Final = {5: "begin", 7: "commit", 8: "rollback"}


class Call(NamedTuple):
    """The call of a procedure."""

    procedure: str
    parameters: tuple[Parameter, ...]


class TransactionRequest(NamedTuple):
    """The beginning or end of a transaction; ``again``: begin the next at once."""

    verb: str
    again: bool


def batch_of(payload: bytes) -> str:
    """Return the statements of a batch."""
    return _body(payload).rest().decode("utf-16-le", "surrogatepass")


def calls_of(payload: bytes) -> Iterator[Call]:
    """Yield the calls of a request."""
    reader = _body(payload)
    while not reader.at_end:
        size = reader.number(2)
        named = size != NULL_SHORT
        name = reader.text(size) if named else _procedure(reader.number(2))
        reader.take(2)
        parameters = []
        while not reader.at_end and reader.peek() not in _next_call:
            parameters.append(read_parameter(reader))
        if not reader.at_end:
            reader.take(1)
        yield Call(name, tuple(parameters))


def transaction_of(payload: bytes) -> TransactionRequest:
    """Return what is to become of the transaction."""
    reader = _body(payload)
    kind = reader.number(2)
    verb = _transactions.get(kind)
    if verb is None:
        raise unknown(f"request {kind} about transactions", "")
    if verb == "begin":
        return TransactionRequest(verb, again=False)
    reader.take(reader.number(1))
    return TransactionRequest(verb, again=bool(reader.number(1) & 1))


def _procedure(number: int) -> str:
    if number not in _procedures:
        raise unknown(f"procedure {number}", "")
    return _procedures[number]


def _body(payload: bytes) -> Reader:
    """Return a reader that stands behind the headers. [MS-TDS] 2.2.5.3."""
    reader = Reader(payload)
    reader.take(reader.number(4) - 4)
    return reader
