"""The links of a connection over which messages go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from proton import Delivery, Link, Terminus, symbol, ulong

from tests.peers.amqp.errors import VENDOR, AmqpError, as_condition, lock_lost
from tests.peers.amqp.message import read, wire
from tests.peers.amqp.sections import batched

if TYPE_CHECKING:
    from proton import Receiver, Sender

    from tests.peers.amqp.connection import Connection
    from tests.peers.amqp.faults import Fault
    from tests.peers.amqp.namespace import Entity
    from tests.peers.amqp.queue import Outcome, Queue
    from tests.peers.amqp.values import Value

_credit: Final = 1000
_largest_batch: Final = 2**20
_settled: Final = 1
_ticks_of_1970: Final = 621_355_968_000_000_000
_ticks_of_a_millisecond: Final = 10_000


def refuse(link: Link, error: AmqpError) -> None:
    """Attach a link without ends and detach it, as the service does."""
    link.source.type = link.target.type = Terminus.UNSPECIFIED
    link.condition = as_condition(error)
    link.open()
    link.close()


class Incoming:
    """A link over which the client sends to an entity."""

    def __init__(self, connection: Connection, link: Receiver, path: str, entity: Entity) -> None:
        """Attach it."""
        self._connection = connection
        self._broker = connection.broker
        self._link = link
        self._path = path
        self._entity = entity
        self._at_once = 0
        self._detached = False
        largest = entity.settings.largest
        link.max_message_size = largest
        batch = ulong(min(largest, _largest_batch))
        link.properties = {symbol(f"{VENDOR}max-message-batch-size"): batch}
        link.open()
        link.flow(_credit)

    @property
    def path(self) -> str:
        """Where it goes."""
        return self._path

    def detach(self, condition: str, message: str) -> None:
        """End it; an empty condition is no error."""
        if condition:
            self._link.condition = as_condition(AmqpError(condition, message))
        self._link.close()
        self._detached = True

    def arrived(self, delivery: Delivery) -> None:
        """Store what came and acknowledge it, or do what is to go wrong."""
        encoded = bytes(self._link.recv(delivery.pending) or b"")
        self._link.advance()
        if self._detached:
            return  # The client had not heard of it yet.
        self._link.flow(1)
        self._at_once += 1
        self._broker.sent(self._path, self._at_once)
        sending = _Sending(self, delivery, encoded)
        fault = self._broker.faults.take("send", self._path)
        if fault is None:
            # The answers come behind all that was read, so that what was under way at once shows.
            sending.store()
            asyncio.get_running_loop().call_soon(sending.answer)
        else:
            self._fail(fault, sending)

    def _fail(self, fault: Fault, sending: _Sending) -> None:
        if fault.after:
            sending.store()
        if fault.what == "cut":
            self._connection.cut()
        elif fault.what == "close":
            self._connection.close(fault.condition, fault.message)
        elif fault.what == "detach":
            self.detach(fault.condition, fault.message)
        elif fault.what == "error":
            sending.refused = AmqpError(fault.condition, fault.message)
            sending.answer()
        elif fault.what == "hang":
            self._broker.hang(sending.store_and_answer)
        else:
            asyncio.get_running_loop().call_later(fault.seconds, sending.store_and_answer)

    def store(self, encoded: bytes) -> None:
        """Store a message or all of a batch.

        Raises:
            AmqpError: It cannot be stored.
        """
        largest = self._entity.settings.largest
        if len(encoded) > largest:
            text = f"The message has {len(encoded)} bytes, which exceeds the limit ({largest})."
            raise AmqpError("amqp:link:message-size-exceeded", text)
        try:
            contents = [read(each) for each in batched(encoded)]
        except (ValueError, IndexError) as error:
            raise AmqpError("amqp:decode-error", str(error)) from error
        self._entity.check(contents)
        for each in contents:
            self._entity.put(each, self._broker.now())

    def acknowledge(self, delivery: Delivery, refused: AmqpError | None) -> None:
        """Say what became of what came, unless nobody is there any more."""
        self._at_once -= 1
        if self._connection.gone:
            return
        if refused is not None:
            delivery.local.condition = as_condition(refused)
        delivery.update(Delivery.ACCEPTED if refused is None else Delivery.REJECTED)
        delivery.settle()
        self._broker.wake()

    @property
    def gone(self) -> bool:
        """Whether the client is not there any more."""
        return self._connection.gone


class _Sending:
    """One transfer on its way: stored once, answered once."""

    def __init__(self, link: Incoming, delivery: Delivery, encoded: bytes) -> None:
        self._link = link
        self._delivery = delivery
        self._encoded = encoded
        self._stored = False
        self.refused: AmqpError | None = None

    def store(self) -> None:
        self._stored = True
        try:
            self._link.store(self._encoded)
        except AmqpError as error:
            self.refused = error

    def answer(self) -> None:
        self._link.acknowledge(self._delivery, self.refused)

    def store_and_answer(self) -> None:
        if not self._stored and not self._link.gone:
            self.store()
        self.answer()


class Outgoing:
    """A link over which the client receives from a queue; with a session if the queue has any."""

    def __init__(
        self, connection: Connection, link: Sender, queue: Queue, session: str | None
    ) -> None:
        """Attach it."""
        self._connection = connection
        self._broker = connection.broker
        self._link = link
        self._queue = queue
        self._tokens: dict[Delivery, UUID] = {}
        self.session = session
        if session is not None:
            until = queue.sessions.hold(session, self._broker.now())
            filters = link.source.filter
            filters.clear()
            filters.put_object({symbol(f"{VENDOR}session-filter"): session})
            ticks = _ticks_of_1970 + until * _ticks_of_a_millisecond
            link.properties = {symbol(f"{VENDOR}locked-until-utc"): ticks}
        link.open()

    @property
    def queue(self) -> Queue:
        """Where it takes messages from."""
        return self._queue

    def pump(self) -> None:
        """Send what there is, as far as the client has asked for it."""
        now = self._broker.now()
        while self._link.credit > 0:
            message = self._queue.take(self.session, now)
            if message is None:
                break
            if self._link.remote_snd_settle_mode == _settled:
                self._send(uuid4(), wire(message)).settle()
            else:
                lock = self._queue.lock(message, now)
                self._tokens[self._send(lock.token, wire(message, lock.until))] = lock.token
        if self._link.drain_mode and self._link.credit > 0:
            self._link.drained()

    def _send(self, token: UUID, encoded: bytes) -> Delivery:
        tag: Value = token.bytes_le
        delivery = self._link.delivery(tag)
        self._link.stream(encoded)
        self._link.advance()
        return delivery

    def settled(self, delivery: Delivery) -> None:
        """Do with a message what the client says, and say it back; with an error if it is lost."""
        token = self._tokens.get(delivery)
        outcome = _outcome(delivery)
        if token is None or outcome is None:
            return
        del self._tokens[delivery]
        fault = self._broker.faults.take("settle", self._queue.path)
        if fault is not None and fault.what in {"cut", "hang"} and not fault.after:
            if fault.what == "cut":
                self._connection.cut()
            return
        reason, description = _why_dead(delivery)
        held = self._queue.settle(token, outcome, self._broker.now(), reason, description)
        if fault is None or fault.what not in ("cut", "hang", "slow"):
            self._echo(delivery, held=held)
        elif fault.what == "cut":
            self._connection.cut()

    def _echo(self, delivery: Delivery, *, held: bool) -> None:
        if not delivery.settled:
            if held:
                delivery.local.failed = delivery.remote.failed
                delivery.local.undeliverable = delivery.remote.undeliverable
                delivery.update(delivery.remote_state)
            else:
                lost = lock_lost(session=self.session is not None)
                delivery.local.condition = as_condition(lost)
                delivery.update(Delivery.REJECTED)
        delivery.settle()

    def end(self) -> None:
        """Give back what it holds: of a session all, otherwise what its locks say."""
        if self.session is not None and self._queue.sessions.held(self.session):
            self._queue.give_up_session(self.session)

    def lose(self) -> None:
        """Take the session away."""
        self._link.condition = as_condition(lock_lost(session=True))
        self._link.close()
        self.end()


def _outcome(delivery: Delivery) -> Outcome | None:
    state, remote = delivery.remote_state, delivery.remote
    if state == Delivery.ACCEPTED:
        return "complete"
    if state == Delivery.REJECTED:
        return "dead-letter"
    if state == Delivery.MODIFIED and remote.undeliverable:
        return "defer"
    if state == Delivery.MODIFIED and remote.failed:
        return "abandon"
    if state in (Delivery.RELEASED, Delivery.MODIFIED) or delivery.settled:
        return "release"
    return None


def _why_dead(delivery: Delivery) -> tuple[str, str]:
    if delivery.remote_state != Delivery.REJECTED or delivery.remote.condition is None:
        return "", ""
    info: Value = delivery.remote.condition.info or {}
    said = {str(key): str(value) for key, value in info.items()}
    return said.get("DeadLetterReason", ""), said.get("DeadLetterErrorDescription", "")
