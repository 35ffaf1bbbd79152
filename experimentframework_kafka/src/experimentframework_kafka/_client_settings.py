"""What ``additionalConfig`` may say: aiokafka's names, and librdkafka's for the same settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from experimentframework_core.config import nearest, shown, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from experimentframework_kafka._options import Setting

_LARGEST = 2**31 - 1
_SETTING = "setting of aiokafka or librdkafka"


class _Range(NamedTuple):
    least: int
    optional: bool = False

    def __str__(self) -> str:
        wanted = f"a whole number from {self.least:,} to {_LARGEST:,}"
        return f"{wanted}, or null" if self.optional else wanted


_RANGES = {
    "connections_max_idle_ms": _Range(1, optional=True),
    "max_batch_size": _Range(1),
    "max_request_size": _Range(1),
    "metadata_max_age_ms": _Range(1),
    "retry_backoff_ms": _Range(0),
}
"""The settings of ``AIOKafkaProducer`` that no option of ours has."""

_SAME_AS = {
    "batch.size": "max_batch_size",
    "connections.max.idle.ms": "connections_max_idle_ms",
    "max.request.size": "max_request_size",
    "message.max.bytes": "max_request_size",
    "metadata.max.age.ms": "metadata_max_age_ms",
    "retry.backoff.ms": "retry_backoff_ms",
    "topic.metadata.refresh.interval.ms": "metadata_max_age_ms",
}
"""Names of librdkafka and of the Java client, and aiokafka's for the same."""

_OWN_OPTION = {
    "acks": "acks",
    "allow.auto.create.topics": "createTopics",
    "batch.num.messages": "batchSize",
    "bootstrap.servers": "brokers",
    "bootstrap_servers": "brokers",
    "client.id": "clientId",
    "client_id": "clientId",
    "compression.codec": "compressionType",
    "compression.type": "compressionType",
    "compression_type": "compressionType",
    "enable.idempotence": "enableIdempotence",
    "enable_idempotence": "enableIdempotence",
    "linger.ms": "lingerMs",
    "linger_ms": "lingerMs",
    "max.in.flight": "maxInFlight",
    "max.in.flight.requests.per.connection": "maxInFlight",
    "metadata.broker.list": "brokers",
    "partitioner": "partitionBy",
    "partitioner.class": "partitionBy",
    "queue.buffering.max.ms": "lingerMs",
    "request.required.acks": "acks",
    "request.timeout.ms": "requestTimeoutMs",
    "request_timeout_ms": "requestTimeoutMs",
    "sasl.jaas.config": "security.username and security.password",
    "sasl.login.callback.handler.class": "security.tokenProvider",
    "sasl.mechanism": "security.mechanism",
    "sasl.mechanisms": "security.mechanism",
    "sasl.oauthbearer.config": "security.tokenProvider",
    "sasl.oauthbearer.token.endpoint.url": "security.tokenProvider",
    "sasl.password": "security.password",
    "sasl.username": "security.username",
    "sasl_mechanism": "security.mechanism",
    "sasl_oauth_token_provider": "security.tokenProvider",
    "sasl_plain_password": "security.password",
    "sasl_plain_username": "security.username",
    "security.protocol": "security.protocol",
    "security_protocol": "security.protocol",
    "socket.timeout.ms": "requestTimeoutMs",
    "ssl.ca.location": "security.cafile",
    "ssl.certificate.location": "security.certfile",
    "ssl.key.location": "security.keyfile",
    "ssl.key.password": "security.keyfilePassword",
    "ssl.keystore.location": "security.certfile",
    "ssl.keystore.password": "security.keyfilePassword",
    "ssl.truststore.location": "security.cafile",
    "ssl_context": "security.cafile, security.certfile and security.keyfile",
}
"""Names that an option of ours has instead."""

_ON_THE_BACKPLANE = {
    "buffer.memory": "buffer.maxBytes",
    "delivery.timeout.ms": "deliveryTimeoutMs",
    "max.block.ms": "buffer.blockTimeoutMs",
    "message.send.max.retries": "retry.maxAttempts",
    "message.timeout.ms": "deliveryTimeoutMs",
    "queue.buffering.max.kbytes": "buffer.maxBytes",
    "queue.buffering.max.messages": "buffer.maxEvents",
    "retries": "retry.maxAttempts",
    "retry.backoff.max.ms": "retry.maxDelayMs",
}
"""Names whose matter is the channel's, and what to say on the backplane instead."""

_WITHOUT_USE = {
    "api.version.request": "versions are always asked for",
    "api_version": "aiokafka does nothing with it",
    "client.rack": "only the leaders are written to",
    "compression.level": "aiokafka knows one level for each compression",
    "debug": "the level of the logger 'aiokafka' says it",
    "enable.ssl.certificate.verification": "certificates are always verified",
    "interceptor.classes": "aiokafka has no interceptors",
    "key.serializer": "the key is text already",
    "key_serializer": "the key is text already",
    "log_level": "the level of the logger 'aiokafka' says it",
    "loop": "the running loop is used",
    "reconnect.backoff.max.ms": "retry.backoff.ms serves for connections too",
    "reconnect.backoff.ms": "retry.backoff.ms serves for connections too",
    "sasl.kerberos.service.name": "signing in by Kerberos is not supported",
    "sasl_kerberos_domain_name": "signing in by Kerberos is not supported",
    "sasl_kerberos_service_name": "signing in by Kerberos is not supported",
    "socket.keepalive.enable": "aiokafka has no such setting",
    "ssl.endpoint.identification.algorithm": "names in certificates are always verified",
    "statistics.interval.ms": "aiokafka has no statistics",
    "transaction.timeout.ms": "transactions are not used",
    "transaction_timeout_ms": "transactions are not used",
    "transactional.id": "transactions are not used",
    "transactional_id": "transactions are not used",
    "value.serializer": "the event is encoded already",
    "value_serializer": "the event is encoded already",
}
"""Names that would change nothing, or break something, and why."""


def other_names() -> dict[str, str]:
    """Return what to say in the options for each name of a client's setting."""
    channel = {name: f"{key} on the backplane" for name, key in _ON_THE_BACKPLANE.items()}
    settings = {name: f"additionalConfig.{name}" for name in (*_RANGES, *_SAME_AS)}
    return {**settings, **channel, **_OWN_OPTION}


def client_settings(additional: Mapping[str, Setting]) -> dict[str, int | None]:
    """Return the checked settings by aiokafka's names, for its producer."""
    return {_SAME_AS.get(name, name): _number(value) for name, value in additional.items()}


def setting_breaches(additional: Mapping[str, Setting]) -> Iterator[tuple[str, str, str | None]]:
    """Yield each name that may not be there, or whose value does not fit; why; beside which."""
    taken: dict[str, str] = {}
    for name, value in additional.items():
        meant = _SAME_AS.get(name, name)
        if meant not in _RANGES:
            yield name, _why_not(name), None
        elif meant in taken:
            yield name, f"says the same as '{taken[meant]}'; leave one out", taken[meant]
        elif not _fits(value, _RANGES[meant]):
            yield name, f"does not fit; expected {_RANGES[meant]}", None
        taken.setdefault(meant, name)


def _why_not(name: str) -> str:
    if (why := _elsewhere(name)) is not None:
        return why
    settings = [*_RANGES, *_SAME_AS]
    others = [*_OWN_OPTION, *_ON_THE_BACKPLANE, *_WITHOUT_USE]
    meant = nearest(name, [*settings, *others])
    if meant in others and (why := _elsewhere(meant)) is not None:
        return f"unknown {_SETTING} {shown(name)}; did you mean '{meant}'? It {why}"
    return unknown(_SETTING, name, settings)


def _elsewhere(name: str) -> str | None:
    if name in _OWN_OPTION:
        return f"is an option of its own; say {_OWN_OPTION[name]}"
    if name in _ON_THE_BACKPLANE:
        return f"is a setting of the channel; say {_ON_THE_BACKPLANE[name]} on the backplane"
    if name in _WITHOUT_USE:
        return f"has no use here: {_WITHOUT_USE[name]}; leave it out"
    return None


def _fits(value: Setting, wanted: _Range) -> bool:
    if value is None:
        return wanted.optional
    number = _number(value)
    return number is not None and wanted.least <= number <= _LARGEST


def _number(value: Setting) -> int | None:
    """Return a whole number, also where it came as text, as all values of librdkafka may."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
