"""What creates a queue, topic or subscription, for somebody who may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_servicebus._namespace.connection_string import host_of

if TYPE_CHECKING:
    from experimentframework_servicebus._namespace.entities import Place
    from experimentframework_servicebus._options import ServiceBusOptions


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


def _namespace(options: ServiceBusOptions) -> str:
    return host_of(options).partition(".")[0]
