"""Pairs of links for requests and their answers: ``$cbs`` and the ``$management`` of an entity."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from proton import Delivery, Message, int32

from tests.peers.amqp.errors import AmqpError
from tests.peers.amqp.management import Answered, answer, refused
from tests.peers.amqp.tokens import why_refused

if TYPE_CHECKING:
    from proton import Receiver, Sender

    from tests.peers.amqp.connection import Connection
    from tests.peers.amqp.namespace import Entity
    from tests.peers.amqp.values import Value


class Requests:
    """Both links; the answer to a request goes to the other link of the same session."""

    def __init__(self, connection: Connection, entity: Entity | None) -> None:
        """Begin without links.

        Args:
            connection: Whose links they are.
            entity: What is managed; None where tokens are put.
        """
        self._connection = connection
        self._broker = connection.broker
        self._entity = entity
        self._answers: Sender | None = None

    def attach_answers(self, link: Sender) -> None:
        """Attach the link over which answers go."""
        self._answers = link
        link.open()

    def attach_requests(self, link: Receiver) -> None:
        """Attach the link over which requests come."""
        link.open()
        link.flow(100)

    def arrived(self, link: Receiver, delivery: Delivery) -> None:
        """Answer a request, unless that is to go wrong."""
        encoded = link.recv(delivery.pending) or b""
        link.advance()
        link.flow(1)
        delivery.update(Delivery.ACCEPTED)
        delivery.settle()
        request = Message()
        request.decode(encoded)
        properties: dict[Value, Value] = request.properties or {}
        said = {str(key): value for key, value in properties.items()}
        moment = "token" if self._entity is None else "request"
        path = str(said.get("name")) if self._entity is None else self._entity.path
        fault = self._broker.faults.take(moment, path)
        if fault is not None and fault.what == "hang":
            return
        if fault is not None and fault.what == "error":
            self._say(request, self._refused(AmqpError(fault.condition, fault.message)))
            return
        found = self._token(said, request) if self._entity is None else self._manage(said, request)
        if fault is not None:
            asyncio.get_running_loop().call_later(fault.seconds, self._say, request, found)
        else:
            self._say(request, found)

    def _refused(self, error: AmqpError) -> Answered:
        if self._entity is not None:
            return refused(error)
        properties = {"status-code": int32(401), "status-description": error.description}
        return Answered(properties, None)

    def _token(self, said: dict[str, Value], request: Message) -> Answered:
        # A client cannot know that a test has put the broker's clock forward.
        why = why_refused(str(request.body), time.time())
        if why is None:
            self._connection.authorize(str(said["name"]))
        code = int32(202 if why is None else 401)
        return Answered({"status-code": code, "status-description": why or "Accepted"}, None)

    def _manage(self, said: dict[str, Value], request: Message) -> Answered:
        assert self._entity is not None
        body = request.body if isinstance(request.body, dict) else {}
        return answer(str(said["operation"]), self._entity, body, self._broker.now())

    def _say(self, request: Message, found: Answered) -> None:
        if self._connection.gone or self._answers is None:
            return
        said = Message(correlation_id=request.id, properties=found.properties, body=found.body)
        self._answers.delivery(self._answers.delivery_tag())
        self._answers.stream(said.encode())
        self._answers.advance()
        self._broker.wake()
