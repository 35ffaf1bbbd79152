"""What the types of the options cannot say: every problem at once, nothing is opened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from experimentframework_core.config import listed
from experimentframework_servicebus._namespace.connection_string import (
    ConnectionString,
    is_host,
    parse,
)
from experimentframework_servicebus._namespace.names import why_no_entity, why_no_subscription
from experimentframework_servicebus._namespace.sign_in import when_expired
from experimentframework_servicebus._options import ServiceBusOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import Finding

_DESTINATIONS = ("queueName", "topicName", "useTypeSpecificDestinations")
_UNSAID = ServiceBusOptions()


def check_service_bus(options: ServiceBusOptions) -> Iterator[Finding]:
    """Yield what is wrong with the options."""
    yield from _namespace(options)
    yield from _destination(options)
    yield from _subscription(options)
    if not options.enable_sessions and options.session_strategy != _UNSAID.session_strategy:
        message = "has no effect without enableSessions: true"
        yield "sessionStrategy", message, "error", ("enableSessions",)


def _namespace(options: ServiceBusOptions) -> Iterator[Finding]:
    namespace = options.fully_qualified_namespace
    if options.connection_string is None and namespace is None:
        message = "missing; expected connectionString or fullyQualifiedNamespace"
        yield "connectionString", message, "error", ("fullyQualifiedNamespace",)
    if options.connection_string is not None and namespace is not None:
        message = "connectionString names the namespace already; leave one of the two out"
        yield "fullyQualifiedNamespace", message, "error", ("connectionString",)
    if namespace is not None and not is_host(namespace):
        # It may be a connection string with its key, so it is not shown.
        message = "not a host; expected one as in shop.servicebus.windows.net"
        yield "fullyQualifiedNamespace", message, "error", ()
    if options.connection_string is not None:
        found = parse(options.connection_string.reveal())
        if isinstance(found, ConnectionString):
            yield from _of_entity(found, options)
            yield from _of_signature(found)
        else:
            for problem in found:
                yield "connectionString", problem, "error", ()


def _of_entity(found: ConnectionString, options: ServiceBusOptions) -> Iterator[Finding]:
    if found.entity_path is None:
        return
    if options.use_type_specific_destinations:
        message = (
            "its EntityPath allows one queue or topic; useTypeSpecificDestinations needs several"
        )
        yield "connectionString", message, "error", ("useTypeSpecificDestinations",)
    for key, name in (("queueName", options.queue_name), ("topicName", options.topic_name)):
        if name is not None and name.lower() != found.entity_path.lower():
            message = f"its EntityPath is another queue or topic than {key}"
            yield "connectionString", message, "error", (key,)


def _of_signature(found: ConnectionString) -> Iterator[Finding]:
    if found.signature is not None and (at := when_expired(found.signature, datetime.now(UTC))):
        message = f"its SharedAccessSignature expired at {at}; make a new one"
        yield "connectionString", message, "warning", ()


def _destination(options: ServiceBusOptions) -> Iterator[Finding]:
    chosen = (options.queue_name, options.topic_name, options.use_type_specific_destinations)
    said = [key for key, value in zip(_DESTINATIONS, chosen, strict=True) if value]
    if not said:
        message = f"missing; expected {listed(_DESTINATIONS)}"
        yield "queueName", message, "error", _DESTINATIONS[1:]
    for key in said[1:]:
        message = f"{said[0]} says where events go already; leave one of the two out"
        yield key, message, "error", (said[0],)
    for key, name in (("queueName", options.queue_name), ("topicName", options.topic_name)):
        if name is not None and (why := why_no_entity(name)):
            yield key, why, "error", ()


def _subscription(options: ServiceBusOptions) -> Iterator[Finding]:
    name = options.subscription_name
    if name is not None and (why := why_no_subscription(name)):
        yield "subscriptionName", why, "error", ()
    if name is not None and options.queue_name is not None:
        message = "a queue has no subscriptions; leave one of the two out"
        yield "subscriptionName", message, "error", ("queueName",)
