"""What is wrong with options of Kafka, each with its exact message."""

from __future__ import annotations

import msgspec
import pytest

from experimentframework_core.config import (
    BackplaneOptions,
    DataPlaneOptions,
    PiiRedactionOptions,
    check,
    load_text,
)
from experimentframework_core.errors import ConfigurationError
from experimentframework_core.events import event
from experimentframework_core.plugins import find_plugin
from experimentframework_kafka import KafkaOptions, KafkaTopicCreation
from experimentframework_kafka._check import check_kafka
from tests.core.event_strategies import own_registry
from tests.kafka._checks import SECRET, options, said, secured

KEYS = "letters, digits, '.', '_' and '-' of ASCII only"

GOOD = [
    options(),
    options(brokers=("one", "two:9093", "[::1]", "[fe80::1]:9094", "127.0.0.1", "a_b.c-d")),
    options(brokers="one, two:9093"),
    options(topic="a.b-c_D9"),
    options(topics={"exposure": "seen", "governance": "x" * 249}),
    options(acks=1, enable_idempotence=False),
    options(flush_interval_ms=5),
    options(max_in_flight=1),
    options(create_topics=KafkaTopicCreation(enabled=True, partitions=6, retention_ms=-1)),
    options(additional_config={"max_batch_size": 65536, "connections.max.idle.ms": None}),
    options(additional_config={"batch.size": "131072", "retry_backoff_ms": 0}),
    secured(protocol="SSL", cafile="ca.pem", certfile="own.pem", keyfile="own.key"),
    secured(protocol="SSL", certfile="both.pem", keyfile_password=SECRET),
    secured(protocol="SASL_SSL", mechanism="PLAIN", username="u", password=SECRET),
    secured(protocol="SASL_PLAINTEXT", mechanism="SCRAM-SHA-256", username="u", password=SECRET),
    secured(protocol="SASL_SSL", mechanism="OAUTHBEARER", token_provider="shop.auth:token"),
]


@pytest.mark.parametrize("good", GOOD, ids=range(len(GOOD)))
def test_good_options_have_no_problem(good: KafkaOptions) -> None:
    """Given options that work, When they are checked, Then nothing is said."""
    found = list(check_kafka(good))

    assert found == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("..", "a topic cannot have the name '..'"),
        (".", "a topic cannot have the name '.'"),
        ("x" * 250, "250 characters; a topic's name has at most 249"),
        ("a b", f"not a topic's name; expected {KEYS}"),
        ("straße", f"not a topic's name; expected {KEYS}"),
        ("a\n", f"not a topic's name; expected {KEYS}"),
    ],
)
def test_a_topic_that_is_none(name: str, message: str) -> None:
    """Given a name that Kafka refuses, When checked, Then the message says its rule."""
    found = [
        *said(options(topic=name)),
        *said(options(topics={"exposure": name})),
    ]

    assert found == [("topic", message), ("topics.exposure", message)]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (
            options(topic="all", topics={"exposure": "seen", "outcome": "done"}),
            [
                (
                    "topics",
                    "topic says where every type goes already; leave one of the two out",
                )
            ],
        ),
        (
            options(client_id="shop\nX: y"),
            [("clientId", "has a character that cannot be printed; expected a line of text")],
        ),
        (
            options(acks=1),
            [
                (
                    "acks",
                    (
                        "1 does not go with enableIdempotence, which is on;"
                        " expected all, or enableIdempotence: false"
                    ),
                )
            ],
        ),
        (
            options(linger_ms=50, flush_interval_ms=60),
            [("lingerMs", "says the same as flushIntervalMs; leave one out")],
        ),
        (
            options(max_in_flight=6),
            [
                (
                    "maxInFlight",
                    (
                        "changes nothing: the client keeps one batch for each partition in flight,"
                        " which also keeps the order"
                    ),
                    "warning",
                )
            ],
        ),
        (
            options(create_topics=KafkaTopicCreation(partitions=6, replication_factor=3)),
            [
                ("createTopics.partitions", "has no effect without createTopics.enabled: true"),
                (
                    "createTopics.replicationFactor",
                    "has no effect without createTopics.enabled: true",
                ),
            ],
        ),
    ],
)
def test_options_that_do_not_go_together(
    bad: KafkaOptions, expected: list[tuple[str, ...]]
) -> None:
    """Given two options against each other, When checked, Then the one to change is named."""
    found = said(bad)

    assert found == expected


def test_a_topic_of_an_unknown_type_gets_a_suggestion() -> None:
    """Given a misspelt type, When checked, Then the types are listed, and the near one named."""
    ((path, message, *_),) = check_kafka(options(topics={"exposre": "seen"}))

    assert path == "topics.exposre"
    assert message.startswith("unknown event type 'exposre'; expected exposure, assignment, ")
    assert message.endswith("; did you mean 'exposure'?")


def test_a_topic_of_a_type_that_is_not_registered_here_is_a_warning() -> None:
    """Given a type that only the application knows, When checked, Then that is all that is said."""
    ((path, message, *more),) = check_kafka(options(topics={"subscriptionRenewed": "new"}))

    assert (path, *more) == ("topics.subscriptionRenewed", "warning", ())
    assert message.endswith("; the application must register it")


def test_a_type_of_the_application_may_have_a_topic() -> None:
    """Given a registered type of one's own, When it has a topic, Then nothing is said."""
    with own_registry():
        event("purchase")(type("Purchase", (msgspec.Struct,), {"__annotations__": {"n": int}}))

        found = list(check_kafka(options(topics={"purchase": "sold"})))

    assert found == []


@pytest.mark.parametrize(("partition_by", "refused"), [("subjectId", 1), ("tenantId", 0)])
def test_order_by_subject_needs_subjects(partition_by: str, refused: int) -> None:
    """Given redacted subjects without a key, When events go by subject, Then it is refused."""
    node = BackplaneOptions(type="kafka", options=options(partition_by=partition_by))
    redaction = PiiRedactionOptions(redact_subject_ids=True)

    problems = check(DataPlaneOptions(backplane=node, pii_redaction=redaction), find_plugin)

    assert [each.path for each in problems] == ["dataPlane.piiRedaction.hashKey"] * refused


def test_everything_is_told_at_once_with_its_place() -> None:
    """Given a file with many mistakes, When it is loaded, Then each has its line and column."""
    text = """
dataPlane:
  backplane:
    type: kafka
    options:
      brokers: [one:9092, two:99999]
      topics: {exposure: a b}
      acks: 0
      security: {protocol: SASL_SSL, password: hunter2}
      additionalConfig:
        linger.ms: 5
        batch.sizes: 1
"""

    with pytest.raises(ConfigurationError) as caught:
        load_text(text, name="e.yaml", find_plugin=find_plugin)

    said = str(caught.value).splitlines()
    path = "dataPlane.backplane.options."
    assert [line.partition(path)[0] + line.partition(path)[2].split(": ")[0] for line in said] == [
        "e.yaml:6:27: brokers[1]",
        "e.yaml:7:16: topics.exposure",
        "e.yaml:8:7: acks",
        "e.yaml:9:7: security.mechanism",
        "e.yaml:11:9: additionalConfig.linger.ms",
        "e.yaml:12:9: additionalConfig.batch.sizes",
    ]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("said", ["25d", "2147483648"])
def test_a_request_cannot_take_longer_than_kafka_can_say(said: str) -> None:
    """Given a time that 32 bits do not hold, When loaded, Then it is refused with its place."""
    text = f"""
dataPlane:
  backplane: {{type: kafka, options: {{brokers: one, requestTimeoutMs: {said}}}}}
"""

    with pytest.raises(ConfigurationError) as caught:
        load_text(text, find_plugin=find_plugin)

    (problem,) = caught.value.problems
    assert problem.path == "dataPlane.backplane.options.requestTimeoutMs"
    assert problem.message.endswith("at most 24d")


def test_a_name_of_the_client_is_no_longer_than_kafka_can_say() -> None:
    """Given a name of 40,000 letters, When loaded, Then it is refused with its place."""
    options = f"{{brokers: one, clientId: {'x' * 40_000}}}"

    with pytest.raises(ConfigurationError) as caught:
        load_text(
            f"dataPlane: {{backplane: {{type: kafka, options: {options}}}}}",
            find_plugin=find_plugin,
        )

    (problem,) = caught.value.problems
    assert problem.path == "dataPlane.backplane.options.clientId"
    assert "255" in problem.message
