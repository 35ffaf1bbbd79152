"""Which queue or topic an event goes to, which names the service takes, and what creates one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from experimentframework_core.destinations import usual_destination
from experimentframework_servicebus._connection_string import ConnectionString, parse

if TYPE_CHECKING:
    from experimentframework_servicebus._options import ServiceBusOptions

_LONGEST = 260
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")


def entity_of(event_type: str, options: ServiceBusOptions) -> str:
    """Return the queue or topic of an event type."""
    return the_entity(options) or usual_destination(event_type)


def the_entity(options: ServiceBusOptions) -> str | None:
    """Return the queue or topic of every event; None where each type has its own."""
    return options.queue_name or options.topic_name


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
