"""Which queue or topic an event goes to, and where it is found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.config import Problem
from experimentframework_core.destinations import usual_destination
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.events import built_in_types

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_servicebus._options import ServiceBusOptions


class Place(NamedTuple):
    """Where messages are.

    Attributes:
        entity: The queue or topic.
        subscription: The subscription of a topic; None for a queue.
        dead_letters: Whether its dead letters are meant.
    """

    entity: str
    subscription: str | None = None
    dead_letters: bool = False

    def __str__(self) -> str:
        """Return its path, as the service has it."""
        path = "/Subscriptions/".join(filter(None, (self.entity, self.subscription)))
        return f"{path}/$DeadLetterQueue" if self.dead_letters else path


def entity_of(event_type: str, options: ServiceBusOptions) -> str:
    """Return the queue or topic of an event type."""
    return the_entity(options) or usual_destination(event_type)


def the_entity(options: ServiceBusOptions) -> str | None:
    """Return the queue or topic of every event; None where each type has its own."""
    return options.queue_name or options.topic_name


def places_of(options: ServiceBusOptions, types: Iterable[str] = ()) -> list[Place]:
    """Return where events of some types are, or of all types."""
    entity = the_entity(options)
    wanted = tuple(types) or (*built_in_types, "")
    entities = [usual_destination(each) for each in wanted] if entity is None else [entity]
    return [Place(each, options.subscription_name) for each in dict.fromkeys(entities)]


def require_subscription(options: ServiceBusOptions, doing: str) -> None:
    """Refuse a topic without a subscription where messages are wanted back.

    Args:
        options: What names the topic.
        doing: What is attempted, as in ``read``.

    Raises:
        ConfigurationError: No subscription is named.
    """
    if options.topic_name is None or options.subscription_name is not None:
        return
    message = (
        f"cannot {doing} topic '{options.topic_name}': a topic keeps no events; say "
        "subscriptionName, one of its subscriptions"
    )
    raise ConfigurationError((Problem(message=message),))
