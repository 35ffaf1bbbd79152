"""The Azure Service Bus backplane: events as messages of a queue or topic, in sessions."""

from __future__ import annotations

from experimentframework_core.plugin import BackplanePlugin, Features
from experimentframework_servicebus._backplane import (
    channel_defaults,
    open_dead_letters,
    open_service_bus,
    ordering_key,
    read_records,
    read_service_bus,
)
from experimentframework_servicebus._check import check_service_bus
from experimentframework_servicebus._options import ServiceBusOptions
from experimentframework_servicebus._receiving.consumer import Consumer
from experimentframework_servicebus._receiving.receive import receive
from experimentframework_servicebus._receiving.received import Received

__all__ = ["Consumer", "Received", "ServiceBusOptions", "plugin", "receive"]

plugin = BackplanePlugin(
    type="azureServiceBus",
    options=ServiceBusOptions,
    open=open_service_bus,
    read=read_service_bus,
    read_records=read_records,
    features=Features(ordered=True, durable=True, readable=True, partial_failures=True),
    check=check_service_bus,
    channel_defaults=channel_defaults,
    ordering_key=ordering_key,
    attempts_option="max_retry_attempts",
    dead_letters=open_dead_letters,
)
