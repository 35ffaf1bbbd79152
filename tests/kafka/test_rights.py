"""What a user may not do, against Kafka itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_records
from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaOptions, KafkaSecurity, plugin
from tests.kafka._consumer import consume
from tests.kafka._signing_in import LISTENER, PLAIN_LOGIN
from tests.kafka.topics import allow, create_topic

if TYPE_CHECKING:
    from tests.peers.kafka_java import JavaBroker

RIGHTS = {
    "protocols": ("SASL_PLAINTEXT",),
    "settings": {
        "sasl.enabled.mechanisms": "PLAIN",
        f"{LISTENER}.plain.sasl.jaas.config": PLAIN_LOGIN,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    },
}


@pytest.mark.parametrize("own_broker", [RIGHTS], indirect=True)
async def test_a_missing_right_is_told(own_broker: JavaBroker) -> None:
    """Given a user with too few rights, When it writes or reads, Then the right is named."""
    topics = {name: create_topic(own_broker.brokers, 1, name=name) for name in ("none", "r", "w")}
    allow(own_broker.brokers, "User:shop", "r", "READ")
    security = KafkaSecurity(
        protocol="SASL_PLAINTEXT", mechanism="PLAIN", username="shop", password=Secret("secret")
    )
    said = {}
    for name, idempotent in [("none", True), ("none", False), ("r", False), ("w", True)]:
        if name == "w":
            allow(own_broker.brokers, "User:shop", "w", "WRITE")
        options = KafkaOptions(
            brokers=f"127.0.0.1:{own_broker.ports['SASL_PLAINTEXT']}",
            topic=topics[name],
            security=security,
            enable_idempotence=idempotent,
        )
        try:
            async with plugin.open(options, OpenContext(name="events")) as backplane:
                await backplane.deliver(make_records(2))
        except UnavailableError as error:
            said[name, idempotent] = str(error).partition(" (")[0]
    writing = options
    with pytest.raises(UnavailableError) as unreadable:
        await anext(plugin.read(writing, Selection()))  # type: ignore[misc]

    broker = writing.brokers
    may_not_write = "this user may not write to the topic; give it the right WRITE"
    assert said == {
        ("none", True): (
            f"cannot start at {broker}, which answers: this user may not write with idempotence; "
            "give it the right WRITE on the topics, before Kafka 2.8 IDEMPOTENT_WRITE on the "
            "cluster, or say enableIdempotence: false"
        ),
        ("none", False): f"cannot deliver to topic 'none': {may_not_write}",
        ("r", False): f"cannot deliver to topic 'r': {may_not_write}",
    }
    assert "give this user the right READ on the topic" in str(unreadable.value)
    assert len(consume(own_broker.brokers, "w")) == 2
