"""The options of the type ``kafka``."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.units import LONGEST_DURATION, Milliseconds, Secret

Text = Annotated[str, msgspec.Meta(min_length=1)]
Retention = Annotated[int, msgspec.Meta(ge=-1, le=LONGEST_DURATION, extra={"unit": "duration"})]
LONGEST_REQUEST = 24 * 24 * 60 * 60 * 1000  # Kafka counts these milliseconds in 32 bits.
RequestTimeout = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_REQUEST, extra={"unit": "duration"})]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
Setting: TypeAlias = str | int | float | bool | None


class KafkaSecurity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How the brokers are reached, and how the application signs in.

    Attributes:
        protocol: ``PLAINTEXT``, ``SSL`` (encrypted), ``SASL_PLAINTEXT`` (signed in, not encrypted)
            or ``SASL_SSL`` (both).
        mechanism: How to sign in: ``PLAIN``, ``SCRAM-SHA-256``, ``SCRAM-SHA-512`` or
            ``OAUTHBEARER``; required with the SASL protocols.
        username: The user of PLAIN and SCRAM.
        password: The user's password.
        token_provider: Of OAUTHBEARER: the function that returns a token, as ``module:function``.
        cafile: The file of the certificate authorities to trust, in PEM. None: those of the
            system.
        certfile: The file of the client's own certificate, in PEM, where the brokers ask for one.
        keyfile: The file of the certificate's private key. None: it stands in ``certfile``.
        keyfile_password: The password of an encrypted private key.
    """

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Mechanism | None = None
    username: Text | None = None
    password: Secret | None = None
    token_provider: Text | None = None
    cafile: Text | None = None
    certfile: Text | None = None
    keyfile: Text | None = None
    keyfile_password: Secret | None = None


class KafkaTopicCreation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether missing topics are made when the backplane opens, and how.

    Attributes:
        enabled: Make the topics that are missing. Topics that exist are never changed.
        partitions: Partitions of a new topic. None: as the brokers are configured.
        replication_factor: Copies of each partition. None: as the brokers are configured.
        retention_ms: How long a new topic keeps events; -1 for ever. None: as the brokers are
            configured.
    """

    enabled: bool = False
    partitions: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    replication_factor: Annotated[int, msgspec.Meta(ge=1, le=32_767)] | None = None
    retention_ms: Retention | None = None


class KafkaOptions(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    """Options of the type ``kafka``. Its ``batchSize`` is 500 where nobody says another.

    Attributes:
        brokers: Where to begin: a list, or one text with commas between. Each is ``host``,
            ``host:port``, ``[IPv6]`` or ``[IPv6]:port``; the port is 9092 where none is said.
        topic: The topic of every event. None: one topic for each event type, see ``topics``.
        topics: The topic of an event type, for those that are not to have the usual one:
            ``experiment-exposures``, ``experiment-assignments``, ``experiment-outcomes``,
            ``experiment-analysis-signals``, ``experiment-errors``, ``experiment-governance``, and
            ``experiment-events`` for types of your own.
        partition_by: What decides the partition, and so what stays in order: ``experimentKey``,
            ``subjectId``, ``tenantId``, or ``roundRobin`` for an even spread without order. An
            event without it goes by its id.
        linger_ms: Longest wait for a batch to fill: the ``flushIntervalMs`` of this channel where
            nobody says another.
        enable_idempotence: Let the brokers drop what a retry has sent twice; needs ``acks: all``.
        compression_type: How batches are compressed: ``none``, ``gzip``, ``snappy``, ``lz4`` or
            ``zstd``.
        acks: Who must have an event before it counts as delivered: ``all`` replicas in sync (other
            clients' ``-1``), only the leader (``1``), or nobody (``0``: events are lost without
            notice).
        request_timeout_ms: How long a request to a broker may take; at most 24 days.
        max_in_flight: As in other Kafka clients. The one that is used here keeps one batch for
            each partition in flight; another value than 5 and 1 gives a warning that says so.
        client_id: The name of this client in the brokers' logs, metrics and quotas. None: one
            that the client makes up.
        event_type_case: How event types are spelt in headers: ``camel`` as everywhere, or
            ``pascal`` as the .NET ExperimentFramework does.
        security: Encryption and signing in.
        create_topics: Whether missing topics are made.
        additional_config: More settings of the client, by aiokafka's names or librdkafka's, as
            ``max_batch_size`` or ``batch.size``.
    """

    brokers: tuple[str, ...] | str
    topic: Text | None = None
    topics: dict[str, Text] = msgspec.field(default_factory=dict)
    partition_by: Literal["experimentKey", "subjectId", "tenantId", "roundRobin"] = "experimentKey"
    linger_ms: Milliseconds = 100
    enable_idempotence: bool = True
    compression_type: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "snappy"
    acks: Literal["all", 1, 0] = "all"
    request_timeout_ms: RequestTimeout = 30_000
    max_in_flight: Annotated[int, msgspec.Meta(ge=1)] = 5
    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None
    event_type_case: Literal["camel", "pascal"] = "camel"
    security: KafkaSecurity = KafkaSecurity()
    create_topics: KafkaTopicCreation = KafkaTopicCreation()
    additional_config: dict[str, Setting] = msgspec.field(default_factory=dict)
