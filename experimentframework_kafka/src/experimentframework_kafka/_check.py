"""What the types of the options cannot say: every problem at once, nothing is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.config import event_type_problem, shown
from experimentframework_kafka._addresses import AddressError, address_of, written
from experimentframework_kafka._client_settings import setting_breaches
from experimentframework_kafka._options import KafkaOptions
from experimentframework_kafka._security import security_breaches
from experimentframework_kafka._topics import why_no_topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import Finding
    from experimentframework_kafka._addresses import Address
    from experimentframework_kafka._options import KafkaTopicCreation

_MOST_BROKERS = 1000
_UNSAID = KafkaOptions(brokers="-")


def check_kafka(options: KafkaOptions) -> Iterator[Finding]:
    """Yield what is wrong with the options."""
    yield from _brokers(options)
    yield from _topics(options)
    yield from _delivery(options)
    if options.client_id is not None and not options.client_id.isprintable():
        message = "has a character that cannot be printed; expected a line of text"
        yield "clientId", message, "error", ()
    yield from security_breaches(options.security)
    yield from _creation(options.create_topics)
    for name, message, beside in setting_breaches(options.additional_config):
        reads = () if beside is None else (f"additionalConfig.{beside}",)
        yield f"additionalConfig.{name}", message, "error", reads


def _brokers(options: KafkaOptions) -> Iterator[Finding]:
    brokers = list(written(options.brokers))
    if not brokers or len(brokers) > _MOST_BROKERS:
        message = f"{len(brokers):,} addresses; expected 1 to {_MOST_BROKERS:,}"
        yield "brokers", message, "error", ()
        return
    taken: set[Address] = set()
    for path, text in brokers:
        if "@" in text:  # It may be a password, so the address is not shown.
            message = "an address has no user in it; expected host:port, and security.username"
            yield path, message, "error", ()
            continue
        try:
            address = address_of(text)
        except AddressError as error:
            message = f"{shown(text)} is not a broker: {error}; expected host:port"
            yield path, message, "error", ()
            continue
        if address in taken:
            message = f"the broker {address} is named twice; leave one out"
            yield path, message, "error", ()
        taken.add(address)


def _topics(options: KafkaOptions) -> Iterator[Finding]:
    if options.topic is not None and (why := why_no_topic(options.topic)):
        yield "topic", why, "error", ()
    if options.topic is not None and options.topics:
        message = "topic says where every type goes already; leave one of the two out"
        yield "topics", message, "error", ("topic",)
    for name, topic in options.topics.items():
        if problem := event_type_problem(name):
            yield f"topics.{name}", *problem, ()
        if why := why_no_topic(topic):
            yield f"topics.{name}", why, "error", ()


def _delivery(options: KafkaOptions) -> Iterator[Finding]:
    if options.enable_idempotence and options.acks != "all":
        message = (
            f"{options.acks} does not go with enableIdempotence, which is on; "
            "expected all, or enableIdempotence: false"
        )
        yield "acks", message, "error", ("enableIdempotence",)
    if options.flush_interval_ms is not None and options.linger_ms != _UNSAID.linger_ms:
        message = "says the same as flushIntervalMs; leave one out"
        yield "lingerMs", message, "error", ("flushIntervalMs",)
    if options.max_in_flight not in (1, _UNSAID.max_in_flight):
        message = (
            "changes nothing: the client keeps one batch for each partition in flight, "
            "which also keeps the order"
        )
        yield "maxInFlight", message, "warning", ()


def _creation(creation: KafkaTopicCreation) -> Iterator[Finding]:
    values = {
        "partitions": creation.partitions,
        "replicationFactor": creation.replication_factor,
        "retentionMs": creation.retention_ms,
    }
    for key, value in values.items():
        if value is not None and not creation.enabled:
            message = "has no effect without createTopics.enabled: true"
            yield f"createTopics.{key}", message, "error", ("createTopics.enabled",)
