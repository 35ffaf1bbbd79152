"""What a queue or a subscription does with messages: no clock, no wire; ``now`` is milliseconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import UUID, uuid4

from tests.peers.amqp.duplicates import Seen
from tests.peers.amqp.errors import AmqpError
from tests.peers.amqp.message import Content, Message
from tests.peers.amqp.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.peers.amqp.definitions import Settings

Outcome: TypeAlias = Literal["complete", "abandon", "release", "defer", "dead-letter"]

numbers = count(1)
"""The numbers of messages, whatever their entity."""


@dataclass
class Lock:
    """A message that somebody has.

    Attributes:
        message: The message.
        token: What it is settled by.
        until: When somebody else may have it.
    """

    message: Message
    token: UUID
    until: int


class Queue:
    """A queue, a subscription, or the dead letters of one.

    Attributes:
        path: Its name, as an address has it.
        settings: How it behaves.
        dead: Its dead letters; None for those themselves.
        sessions: Who has which session.
        seen: Which messages came before.
    """

    def __init__(self, path: str, settings: Settings, *, dead: Queue | None) -> None:
        """Begin empty."""
        self.path = path
        self.settings = settings
        self.dead = dead
        self.sessions = Sessions(round(settings.lock_seconds * 1000))
        self.seen = Seen(settings.duplicate_seconds)
        self._ready: defaultdict[str | None, list[tuple[int, Message]]] = defaultdict(list)
        self._locks: dict[UUID, Lock] = {}
        self._deferred: dict[int, Message] = {}
        self._scheduled: dict[int, Message] = {}
        self._expiring = False

    def check(self, contents: Sequence[Content]) -> None:
        """Take all of these or none.

        Raises:
            AmqpError: It does not take them.
        """
        if self.settings.sessions and any("session_id" not in each.fields for each in contents):
            raise AmqpError("amqp:not-allowed", "The SessionId was not set on a message.")
        self.check_room(len(contents))

    def check_room(self, number: int) -> None:
        """Take so many or none.

        Raises:
            AmqpError: It is full.
        """
        capacity = self.settings.capacity
        if capacity and len(self.messages()) + number > capacity:
            raise AmqpError("amqp:resource-limit-exceeded", f"The entity '{self.path}' is full.")

    def put(self, content: Content, now: int) -> int:
        """Store a message, unless it came before; return its number."""
        number = next(numbers)
        if self.seen.came_before(content, now):
            return number
        message = Message(content, number, now, self._expiry(content, now))
        if self.settings.sessions and message.session is None:
            self._bury(message, "Session ID is null.", "The entity requires sessions.")
        elif content.scheduled is not None and content.scheduled > now:
            message.state = "scheduled"
            self._scheduled[number] = message
        else:
            self._make_ready(message)
        return number

    def take(self, session: str | None, now: int) -> Message | None:
        """Return the next message, of a session; it is nobody's until it is locked."""
        ready = self._ready[session]
        while ready:
            _, message = heappop(ready)
            if message.expires is None or message.expires > now:
                return message
            self._expire(message)
        return None

    def lock(self, message: Message, now: int) -> Lock:
        """Give a message to somebody for a while."""
        lock = Lock(message, uuid4(), now + round(self.settings.lock_seconds * 1000))
        self._locks[lock.token] = lock
        return lock

    def renew(self, token: UUID, now: int) -> int | None:
        """Return until when a lock is held from now on; None if it is lost."""
        lock = self._held(token, now)
        if lock is None:
            return None
        lock.until = now + round(self.settings.lock_seconds * 1000)
        return lock.until

    def settle(
        self, token: UUID, outcome: Outcome, now: int, reason: str = "", description: str = ""
    ) -> bool:
        """Do with a message what its receiver says; return whether the lock was still held."""
        lock = self._held(token, now)
        if lock is None:
            return False
        del self._locks[token]
        if outcome == "abandon":
            self._give_back(lock.message)
        elif outcome == "release":
            self._make_ready(lock.message)
        elif outcome == "defer":
            lock.message.state = "deferred"
            self._deferred[lock.message.sequence] = lock.message
        elif outcome == "dead-letter":
            self._bury(lock.message, reason, description)
        return True

    def deferred(self, sequence: int) -> Message | None:
        """Return a deferred message; it is nobody's until it is locked."""
        return self._deferred.pop(sequence, None)

    def cancel(self, sequences: Sequence[int]) -> bool:
        """Forget scheduled messages; return whether all were there."""
        if not self._scheduled.keys() >= set(sequences):
            return False
        for sequence in sequences:
            del self._scheduled[sequence]
        return True

    def free_session(self) -> str | None:
        """Return a session that has messages and that nobody has."""
        waiting = (key for key, ready in self._ready.items() if ready and key is not None)
        return next((key for key in waiting if not self.sessions.held(key)), None)

    def give_up_session(self, session: str) -> None:
        """Take back a session and what of it was not settled."""
        self.sessions.release(session)
        for lock in [each for each in self._locks.values() if each.message.session == session]:
            del self._locks[lock.token]
            self._give_back(lock.message)

    def tick(self, now: int) -> None:
        """Do what is due: locks that are lost, messages whose time has come or is over."""
        if not self.settings.sessions:
            for lock in [each for each in self._locks.values() if each.until <= now]:
                del self._locks[lock.token]
                self._give_back(lock.message)
        for message in list(self._scheduled.values()):
            if message.content.scheduled is not None and message.content.scheduled <= now:
                del self._scheduled[message.sequence]
                message.sequence = next(numbers)
                message.enqueued = now
                message.expires = self._expiry(message.content, now)
                self._make_ready(message)
        if self._expiring:
            self._drop_expired(now)

    def _drop_expired(self, now: int) -> None:
        for ready in self._ready.values():
            for entry in [each for each in ready if (each[1].expires or now + 1) <= now]:
                ready.remove(entry)
                self._expire(entry[1])
            ready.sort()

    def messages(self) -> list[Message]:
        """Return all messages, whoever has them, in the order in which they came."""
        found = [message for ready in self._ready.values() for _, message in ready]
        found += [lock.message for lock in self._locks.values()]
        found += [*self._deferred.values(), *self._scheduled.values()]
        return sorted(found, key=lambda message: message.sequence)

    def _expiry(self, content: Content, now: int) -> int | None:
        own = self.settings.ttl_seconds
        limits = [content.ttl, None if own is None else round(own * 1000)]
        self._expiring = self._expiring or any(each is not None for each in limits)
        return min((now + each for each in limits if each is not None), default=None)

    def _make_ready(self, message: Message) -> None:
        message.state = "active"
        session = message.session if self.settings.sessions else None
        heappush(self._ready[session], (message.sequence, message))

    def _held(self, token: UUID, now: int) -> Lock | None:
        lock = self._locks.get(token)
        if lock is None or (not self.settings.sessions and lock.until <= now):
            return None
        return lock

    def _give_back(self, message: Message) -> None:
        message.deliveries += 1
        if self.dead is not None and message.deliveries >= self.settings.max_deliveries:
            text = f"Message could not be consumed after {message.deliveries} delivery attempts."
            self._bury(message, "MaxDeliveryCountExceeded", text)
        else:
            self._make_ready(message)

    def _expire(self, message: Message) -> None:
        if self.settings.dead_letter_expired:
            text = "The message expired and was dead lettered."
            self._bury(message, "TTLExpiredException", text)

    def _bury(self, message: Message, reason: str, description: str) -> None:
        if self.dead is not None:
            dead = replace(
                message,
                reason=reason or None,
                description=description or None,
                expires=None,
                source=self.path,
            )
            self.dead._make_ready(dead)
