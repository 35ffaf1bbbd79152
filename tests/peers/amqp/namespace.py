"""The entities by their paths, and which subscription of a topic gets a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from tests.peers.amqp.definitions import Correlation, QueueDefinition, Settings, TopicDefinition
from tests.peers.amqp.duplicates import Seen
from tests.peers.amqp.message import Message
from tests.peers.amqp.queue import Queue, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.peers.amqp.definitions import Definition
    from tests.peers.amqp.message import Content

_dead: Final = "/$deadletterqueue"
_texts: Final = tuple(set(Correlation.__struct_fields__) - {"properties"})
_never: Final = 2**62


class Topic:
    """A topic; it keeps only what is scheduled, and what it must not take twice."""

    def __init__(self, definition: TopicDefinition) -> None:
        """Make the topic and its subscriptions."""
        self.path = definition.name
        self.settings = definition.settings
        self.seen = Seen(definition.settings.duplicate_seconds)
        self.filters = {each.name.lower(): each.filters for each in definition.subscriptions}
        self.subscriptions = {
            each.name.lower(): _queue(f"{self.path}/Subscriptions/{each.name}", each.settings)
            for each in definition.subscriptions
        }
        self._scheduled: dict[int, Message] = {}

    def check(self, contents: Sequence[Content]) -> None:
        """Take all of these or none.

        Raises:
            AmqpError: It does not take them.
        """
        for queue in self.subscriptions.values():
            queue.check_room(len(contents))

    def put(self, content: Content, now: int) -> int:
        """Store a message, now or when it is due; return its number in the topic."""
        number = next(numbers)
        if self.seen.came_before(content, now):
            return number
        if content.scheduled is not None and content.scheduled > now:
            self._scheduled[number] = Message(content, number, now, state="scheduled")
        else:
            self._spread(content, now)
        return number

    def cancel(self, sequences: Sequence[int]) -> bool:
        """Forget scheduled messages; return whether all were there."""
        if not self._scheduled.keys() >= set(sequences):
            return False
        for sequence in sequences:
            del self._scheduled[sequence]
        return True

    def messages(self) -> list[Message]:
        """Return the messages that no subscription has yet."""
        return sorted(self._scheduled.values(), key=lambda message: message.sequence)

    def tick(self, now: int) -> None:
        """Give the subscriptions what is due."""
        for message in self.messages():
            if message.content.scheduled is not None and message.content.scheduled <= now:
                del self._scheduled[message.sequence]
                self._spread(message.content, now)

    def _spread(self, content: Content, now: int) -> None:
        """Store a message in each subscription that it fits."""
        for name, queue in self.subscriptions.items():
            filters = self.filters[name]
            if not filters or any(fits(each, content) for each in filters):
                queue.put(content, now)


Entity: TypeAlias = Queue | Topic


class Namespace:
    """All entities."""

    def __init__(self) -> None:
        """Begin with none."""
        self._entities: dict[str, Entity] = {}

    def define(self, definition: Definition) -> None:
        """Make an entity, in the place of one of the same name."""
        made: Entity
        if isinstance(definition, QueueDefinition):
            made = _queue(definition.name, definition.settings)
        else:
            made = Topic(definition)
        self._entities[definition.name.lower()] = made

    def find(self, path: str) -> Entity | None:
        """Return what is at a path, as in ``topic/Subscriptions/one/$DeadLetterQueue``."""
        lower = path.lower().strip("/")
        name, _, subscription = lower.removesuffix(_dead).partition("/subscriptions/")
        found = self._entities.get(name)
        if subscription:
            found = found.subscriptions.get(subscription) if isinstance(found, Topic) else None
        if lower.endswith(_dead):
            return found.dead if isinstance(found, Queue) else None
        return found

    def duplicates(self) -> int:
        """Return how many messages were dropped because they had come before."""
        return sum(each.seen.again for each in self._entities.values())

    def tick(self, now: int) -> None:
        """Do what is due."""
        for entity in self._entities.values():
            if isinstance(entity, Topic):
                entity.tick(now)
        for queue in self.queues():
            queue.tick(now)

    def queues(self) -> Iterator[Queue]:
        """Yield whatever holds messages."""
        for entity in self._entities.values():
            held = {"": entity} if isinstance(entity, Queue) else entity.subscriptions
            for queue in held.values():
                yield queue
                if queue.dead is not None:
                    yield queue.dead


def fits(wanted: Correlation, content: Content) -> bool:
    """Return whether a message has everything that a filter says."""
    texts = ((getattr(wanted, name), content.fields.get(name)) for name in _texts)
    return all(said is None or said == found for said, found in texts) and all(
        content.application.get(name) == value for name, value in wanted.properties.items()
    )


def _queue(path: str, settings: Settings) -> Queue:
    buried = msgspec.structs.replace(
        settings,
        sessions=False,
        max_deliveries=_never,
        ttl_seconds=None,
        duplicate_seconds=0.0,
        capacity=0,
    )
    return Queue(path, settings, dead=Queue(f"{path}/$DeadLetterQueue", buried, dead=None))
