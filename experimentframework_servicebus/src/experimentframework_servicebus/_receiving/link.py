"""A connection through which messages are received and settled; a session has one of its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from azure.servicebus import NEXT_AVAILABLE_SESSION
from azure.servicebus.exceptions import OperationTimeoutError, ServiceBusError

from experimentframework_core.codec import decode
from experimentframework_core.errors import InvalidEventError
from experimentframework_servicebus._connection.calls import GRACE
from experimentframework_servicebus._connection.client import receiver_of
from experimentframework_servicebus._connection.read_errors import reading_failure
from experimentframework_servicebus._reading.body import body_of
from experimentframework_servicebus._receiving.received import Received

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from azure.servicebus import ServiceBusReceivedMessage as Message
    from azure.servicebus.aio import ServiceBusClient

    from experimentframework_core.errors import TransientError
    from experimentframework_servicebus._connection.calls import Calls
    from experimentframework_servicebus._connection.client import Session
    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions

T = TypeVar("T")

_RENEW_BELOW = 10.0
"""Seconds left of a session's lock with which it is renewed while a message is waited for."""


class Link:
    """A receiver of the client, whose calls all end.

    Attributes:
        place: The queue or subscription.
        usable: Whether more can be received; a session is lost with its connection.
    """

    def __init__(
        self,
        client: ServiceBusClient,
        place: Place,
        options: ServiceBusOptions,
        calls: Calls,
        *,
        session: str | None = None,
        session_timeout: float | None = None,
    ) -> None:
        """Store what is to be opened.

        Args:
            client: The client.
            place: The queue or subscription.
            options: Who we are, and whether there are sessions.
            calls: What runs the client's calls.
            session: The session that is wanted; None for any, where there are some.
            session_timeout: Seconds to wait for a session.
        """
        wanted: Session | None = session
        if options.enable_sessions and session is None:
            wanted = NEXT_AVAILABLE_SESSION
        self.place = place
        self.usable = True
        self._options = options
        self._calls = calls
        self._timeout = options.send_timeout_ms / 1000
        self._session_timeout = session_timeout or 0.0
        self._heard_at = _now()
        self._receiver = receiver_of(client, place, options, wanted, session_timeout)

    @property
    def session(self) -> str | None:
        """The session; None where there are none."""
        session = self._receiver.session if self._options.enable_sessions else None
        return None if session is None else str(session.session_id)

    async def open(self) -> bool:
        """Connect, unless it is; return whether there is a session, where there are some.

        Raises:
            TransientError: The service does not answer; or, as UnavailableError, it refuses us.
        """
        patience = self._timeout + self._session_timeout
        try:
            await self._calls.run(self._receiver.__aenter__(), patience, name=f"{self.place}.open")
        except OperationTimeoutError as error:
            self.drop()
            if self._session_timeout:
                return False
            raise self._failure("receive from", error) from error
        except (ServiceBusError, TimeoutError) as error:
            self.drop()
            raise self._failure("receive from", error) from error
        except asyncio.CancelledError:
            self.drop()
            raise
        return True

    async def take(self, most: int, wait: float, end: float) -> list[Received]:
        """Return what comes, at least one unless none does within ``wait`` seconds.

        A service that hangs is as silent as a queue that is empty. So it is asked something when it
        was silent for long, and before anybody is told that there is nothing.

        Args:
            most: How many at most.
            wait: Seconds.
            end: The loop's time at which somebody is told that there is nothing.

        Raises:
            TransientError: They cannot be received.
        """
        await self.open()
        try:
            await self._keep_session()
            messages = await self._run(
                self._receiver.receive_messages(most, max_wait_time=wait), wait, "receive"
            )
            if not messages and _now() >= min(end, self._heard_at + self._timeout):
                await self._ask()
        except (ServiceBusError, TimeoutError) as error:
            if self._options.enable_sessions or isinstance(error, TimeoutError):
                self.drop()
            raise self._failure("receive from", error) from error
        if messages:
            self._heard_at = _now()
        return [self._received(message) for message in messages]

    async def complete(self, messages: Sequence[Message]) -> list[TransientError | None]:
        """Remove messages, all at the same time; return what went wrong with each."""

        async def complete_all() -> list[BaseException | None]:
            calls = map(self._receiver.complete_message, messages)
            return await asyncio.gather(*calls, return_exceptions=True)

        outcomes: list[BaseException | None]
        try:
            outcomes = await self._run(complete_all(), 0.0, "complete")
        except TimeoutError as error:
            outcomes = [error] * len(messages)
        return [
            None if outcome is None else self._unsettled("complete", message, outcome)
            for message, outcome in zip(messages, outcomes, strict=True)
        ]

    async def abandon(self, message: Message) -> None:
        """Give a message back.

        Raises:
            TransientError: It cannot be said: it comes again later.
        """
        await self._settle("abandon", message, self._receiver.abandon_message(message))

    async def dead_letter(self, message: Message, reason: str, description: str) -> None:
        """Put a message among the dead letters.

        Raises:
            TransientError: It cannot be said: it comes again.
        """
        call = self._receiver.dead_letter_message(
            message, reason=reason, error_description=description
        )
        await self._settle("dead-letter", message, call)

    async def renew(self, message: Message) -> datetime:
        """Return until when the message is locked from now on; of a session, all of it.

        Raises:
            TransientError: It cannot be renewed: it comes again.
        """
        try:
            if self._options.enable_sessions:
                return await self._renew_session()
            return await self._run(
                self._receiver.renew_message_lock(message, timeout=self._timeout), 0.0, "renew"
            )
        except (ServiceBusError, TimeoutError, ValueError) as error:
            raise self._unsettled("renew the lock of", message, error) from error

    def drop(self) -> None:
        """Disconnect in the background; a session is free then."""
        self.usable = False
        self._calls.start(self._receiver.close(), name=f"{self.place}.close")

    async def _ask(self) -> None:
        """Have the service answer, on the same connection; what it says does not matter."""
        call = self._receiver.peek_messages(1, timeout=self._timeout)
        try:
            await self._run(call, 0.0, "ask")
        except OperationTimeoutError as error:
            raise TimeoutError from error
        self._heard_at = _now()

    def _received(self, message: Message) -> Received:
        body = b""
        try:
            body = body_of(message)
            return Received(message, self, body, envelope=decode(body))
        except InvalidEventError as error:
            return Received(message, self, body, problem=str(error))

    async def _keep_session(self) -> None:
        if not self._options.enable_sessions:
            return
        until = self._receiver.session.locked_until_utc
        if until is not None and (until - datetime.now(UTC)).total_seconds() < _RENEW_BELOW:
            await self._renew_session()

    async def _renew_session(self) -> datetime:
        session = self._receiver.session
        return await self._run(session.renew_lock(timeout=self._timeout), 0.0, "renew")

    async def _run(self, call: Coroutine[object, object, T], wait: float, name: str) -> T:
        timeout = wait + self._timeout + GRACE
        return await self._calls.run(call, timeout, name=f"{self.place}.{name}")

    async def _settle(
        self, doing: str, message: Message, call: Coroutine[object, object, None]
    ) -> None:
        try:
            await self._run(call, 0.0, doing)
        except (ServiceBusError, TimeoutError, ValueError) as error:
            raise self._unsettled(doing, message, error) from error

    def _unsettled(self, doing: str, message: Message, error: BaseException) -> TransientError:
        if not isinstance(error, ServiceBusError | TimeoutError | ValueError):
            raise error
        return self._failure(f"{doing} message {message.sequence_number:,} of", error)

    def _failure(self, doing: str, error: Exception) -> TransientError:
        return reading_failure(error, doing, self.place, self._options)


def _now() -> float:
    return asyncio.get_running_loop().time()
