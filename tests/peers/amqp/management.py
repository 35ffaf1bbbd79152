"""What can be asked of an entity over its ``$management`` link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from proton import UNDESCRIBED, Array, Data, int32, symbol, timestamp

from tests.peers.amqp.errors import VENDOR, AmqpError, lock_lost
from tests.peers.amqp.message import read, wire
from tests.peers.amqp.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.peers.amqp.namespace import Entity
    from tests.peers.amqp.queue import Outcome
    from tests.peers.amqp.values import Value

_outcomes: Final[dict[str, Outcome]] = {
    "completed": "complete",
    "abandoned": "abandon",
    "defered": "defer",
    "suspended": "dead-letter",
}
_codes: Final = {f"{VENDOR}message-lock-lost": 410, f"{VENDOR}session-lock-lost": 410}


class Answered(NamedTuple):
    """An answer: its properties and its body."""

    properties: dict[str, Value]
    body: Value


def answer(operation: str, entity: Entity, body: Mapping[str, Value], now: int) -> Answered:
    """Return what the service says to a request."""
    try:
        found = _do(operation.removeprefix(VENDOR), entity, body, now)
    except AmqpError as error:
        return refused(error)
    code = 204 if found is None else 200
    return Answered({"statusCode": int32(code), "statusDescription": "OK"}, found)


def refused(error: AmqpError) -> Answered:
    """Return the answer that says no."""
    properties = {
        "statusCode": int32(_codes.get(error.condition, 404)),
        "statusDescription": error.description,
        "errorCondition": symbol(error.condition),
    }
    return Answered(properties, None)


def _do(operation: str, entity: Entity, body: Mapping[str, Value], now: int) -> Value:
    if operation == "schedule-message":
        contents = [read(bytes(each["message"])) for each in body["messages"]]
        entity.check(contents)
        return {"sequence-numbers": _array(Data.LONG, [entity.put(each, now) for each in contents])}
    if operation == "cancel-scheduled-message":
        if not entity.cancel(list(body["sequence-numbers"])):
            raise _no_message()
        return {}
    if operation not in _operations or not isinstance(entity, Queue):
        raise AmqpError("amqp:not-implemented", f"{operation} is not known.")
    return _operations[operation](entity, body, now)


def _peek(queue: Queue, body: Mapping[str, Value], _now: int) -> Value:
    first, most = body["from-sequence-number"], body["message-count"]
    session = body.get("session-id")
    found = [
        each
        for each in queue.messages()
        if each.sequence >= first and session in (None, each.session)
    ]
    return {"messages": [{"message": wire(each)} for each in found[:most]]} if found else None


def _renew(queue: Queue, body: Mapping[str, Value], now: int) -> Value:
    until: list[Value] = []
    for token in body["lock-tokens"]:
        renewed = queue.renew(token, now)
        if renewed is None:
            raise lock_lost(session=False)
        until.append(timestamp(renewed))
    return {"expirations": _array(Data.TIMESTAMP, until)}


def _renew_session(queue: Queue, body: Mapping[str, Value], now: int) -> Value:
    if not queue.sessions.held(body["session-id"]):
        raise lock_lost(session=True)
    return {"expiration": timestamp(queue.sessions.hold(body["session-id"], now))}


def _settle(queue: Queue, body: Mapping[str, Value], now: int) -> Value:
    outcome = _outcomes[body["disposition-status"]]
    reason = str(body.get("deadletter-reason") or "")
    description = str(body.get("deadletter-description") or "")
    held = [queue.settle(each, outcome, now, reason, description) for each in body["lock-tokens"]]
    if not all(held):
        raise lock_lost(session=queue.settings.sessions)
    return {}


def _receive_deferred(queue: Queue, body: Mapping[str, Value], now: int) -> Value:
    found: list[Value] = []
    for sequence in body["sequence-numbers"]:
        message = queue.deferred(sequence)
        if message is None:
            raise _no_message()
        if body["receiver-settle-mode"] == 0:
            found.append({"message": wire(message)})
        else:
            lock = queue.lock(message, now)
            found.append({"message": wire(message, lock.until), "lock-token": lock.token})
    return {"messages": found}


def _state(queue: Queue, body: Mapping[str, Value], _now: int) -> Value:
    return {"session-state": queue.sessions.state(body["session-id"])}


def _remember(queue: Queue, body: Mapping[str, Value], _now: int) -> Value:
    state = body["session-state"]
    queue.sessions.remember(body["session-id"], None if state is None else bytes(state))
    return {}


def _sessions(queue: Queue, body: Mapping[str, Value], _now: int) -> Value:
    names = {each.session for each in queue.messages() if each.session is not None}
    found = sorted(names | set(queue.sessions.with_state()))[body.get("skip", 0) :]
    return {"skip": int32(0), "sessions-ids": found[: body.get("top", 100)]} if found else None


_operations: Final[dict[str, Callable[[Queue, Mapping[str, Value], int], Value]]] = {
    "peek-message": _peek,
    "renew-lock": _renew,
    "renew-session-lock": _renew_session,
    "update-disposition": _settle,
    "receive-by-sequence-number": _receive_deferred,
    "get-session-state": _state,
    "set-session-state": _remember,
    "get-message-sessions": _sessions,
}


def _array(kind: int, values: Iterable[Value]) -> Array:
    undescribed: Value = UNDESCRIBED
    return Array(undescribed, kind, *values)


def _no_message() -> AmqpError:
    return AmqpError(f"{VENDOR}message-not-found", "The message could not be found.")
