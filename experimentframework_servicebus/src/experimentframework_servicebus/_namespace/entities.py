"""Which queue or topic an event goes to, which names the service takes, and what creates one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.config import Problem
from experimentframework_core.destinations import usual_destination
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.events import built_in_types
from experimentframework_servicebus._namespace.connection_string import ConnectionString, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from experimentframework_servicebus._options import ServiceBusOptions

_LONGEST = 260
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")
_LONGEST_SUBSCRIPTION = 50
_SUBSCRIPTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


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


def why_no_entity(name: str) -> str | None:
    """Return what is wrong with the name of a queue or topic; None if it is good."""
    if len(name) > _LONGEST:
        return f"{len(name)} characters; a queue's or topic's name has at most {_LONGEST}"
    if not _NAME.fullmatch(name):
        return (
            "not the name of a queue or topic; expected letters, digits, '.', '-', '_' and '/' of "
            "ASCII only, with a letter or digit at each end"
        )
    return None


def why_no_subscription(name: str) -> str | None:
    """Return what is wrong with the name of a subscription; None if it is good."""
    if len(name) > _LONGEST_SUBSCRIPTION:
        most = _LONGEST_SUBSCRIPTION
        return f"{len(name)} characters; a subscription's name has at most {most}"
    if not _SUBSCRIPTION.fullmatch(name):
        return (
            "not the name of a subscription; expected letters, digits, '.', '-' and '_' of ASCII "
            "only, with a letter or digit at each end"
        )
    return None


def creating_subscription(place: Place, options: ServiceBusOptions) -> str:
    """Return what creates a subscription, for somebody who may."""
    sessions = " --enable-session true" if options.enable_sessions else ""
    return (
        "create it with: az servicebus topic subscription create --resource-group RESOURCE_GROUP "
        f"--namespace-name {_namespace(options)} --topic-name {place.entity} "
        f"--name {place.subscription}{sessions}"
    )


def creating(entity: str, options: ServiceBusOptions) -> str:
    """Return what creates a queue or topic, for somebody who may."""
    return f"create it with: {command_that_creates(entity, options)}"


def command_that_creates(entity: str, options: ServiceBusOptions) -> str:
    """Return the command that creates a queue or topic."""
    kind = "queue" if options.topic_name is None else "topic"
    sessions = " --enable-session true" if options.enable_sessions and kind == "queue" else ""
    return (
        f"az servicebus {kind} create --resource-group RESOURCE_GROUP "
        f"--namespace-name {_namespace(options)} --name {entity} --enable-duplicate-detection "
        f"true{sessions}"
    )


def host_of(options: ServiceBusOptions) -> str:
    """Return the namespace's host."""
    host = options.fully_qualified_namespace
    if options.connection_string is not None:
        found = parse(options.connection_string.reveal())
        host = found.host if isinstance(found, ConnectionString) else None
    return host or "NAMESPACE"


def _namespace(options: ServiceBusOptions) -> str:
    return host_of(options).partition(".")[0]
