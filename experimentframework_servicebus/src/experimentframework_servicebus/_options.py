"""The options of the type ``azureServiceBus``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from experimentframework_core.destinations import Owner
from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import Delay, Secret

Text = Annotated[str, msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
_LONGEST_LIFE = (2**32 - 1) // 60_000
"""Minutes whose milliseconds a header of AMQP can hold: 49 days."""

Minutes = Annotated[int, msgspec.Meta(ge=1, le=_LONGEST_LIFE)]


class ServiceBusOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the type ``azureServiceBus``.

    Its ``batchSize`` is 100 where nobody says another. Say ``connectionString`` or
    ``fullyQualifiedNamespace``, and one of ``queueName``, ``topicName`` and
    ``useTypeSpecificDestinations``.

    Attributes:
        connection_string: ``Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…``, as the
            portal gives it; also with ``SharedAccessSignature``, ``EntityPath`` and
            ``UseDevelopmentEmulator``.
        fully_qualified_namespace: The namespace's host, as in ``shop.servicebus.windows.net``; the
            application signs in by its Azure identity.
        queue_name: The queue of every event.
        topic_name: The topic of every event.
        use_type_specific_destinations: Send each event type to a queue or topic of its own:
            ``experiment-exposures``, ``experiment-assignments``, ``experiment-outcomes``,
            ``experiment-analysis-signals``, ``experiment-errors``, ``experiment-governance``, and
            ``experiment-events`` for types of your own.
        subscription_name: The subscription that events are read from: of ``topicName``, or of each
            type's topic. None: queues are read. For sending it means nothing.
        message_time_to_live_minutes: Minutes after which a message that nobody has received
            expires; at most 49 days. None: as the queue or topic is configured.
        max_retry_attempts: The older spelling of ``retry.maxAttempts`` of this backplane.
        enable_sessions: Send each event in a session, which keeps order; the queue or the
            subscriptions must require sessions.
        session_strategy: Whose events are one session: ``experimentKey``, ``subjectId`` or
            ``tenantId``. An event without it is a session of its own; one of more than 128
            characters is shortened, with a digest.
        client_id: The name of this client in the service's logs. None: one that the client makes
            up.
        transport: ``amqp`` (port 5671) or ``websocket`` (port 443, for networks that let nothing
            else through).
        send_timeout_ms: How long one send may wait for its confirmation; no longer than the
            channel's ``deliveryTimeoutMs``, whatever is said here. As long waits who reads events
            back or settles them.
        event_type_case: How event types are spelt in subject and properties: ``camel`` as
            everywhere, or ``pascal`` as the .NET ExperimentFramework does.
    """

    connection_string: Secret | None = None
    fully_qualified_namespace: Text | None = None
    queue_name: Text | None = None
    topic_name: Text | None = None
    use_type_specific_destinations: bool = False
    subscription_name: Text | None = None
    message_time_to_live_minutes: Minutes | None = None
    max_retry_attempts: Count | None = None
    enable_sessions: bool = False
    session_strategy: Owner = "experimentKey"
    client_id: Text | None = None
    transport: Literal["amqp", "websocket"] = "amqp"
    send_timeout_ms: Delay = 30_000
    event_type_case: Literal["camel", "pascal"] = "camel"
