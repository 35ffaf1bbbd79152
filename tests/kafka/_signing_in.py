"""What the tests of signing in share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_records
from experimentframework_kafka import KafkaOptions, KafkaSecurity, plugin
from tests.kafka._consumer import consume
from tests.kafka.topics import create_topic

if TYPE_CHECKING:
    from tests.peers.kafka_java import JavaBroker

LISTENER = "listener.name.sasl_plaintext"
PLAIN_LOGIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="kafka" password="inner" user_shop="secret";'
)
OAUTH_LOGIN = (
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
    'unsecuredLoginStringClaim_sub="kafka";'
)
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


async def arrives(secure: JavaBroker, security: KafkaSecurity) -> None:
    """Deliver events as somebody who signs in, and see that they are there."""
    topic, records = create_topic(secure.brokers, 1), make_records(3)
    port = secure.ports[security.protocol]
    options = KafkaOptions(brokers=f"127.0.0.1:{port}", topic=topic, security=security)
    async with plugin.open(options, OpenContext(name="events")) as backplane:
        await backplane.deliver(records)
    assert [seen.value for seen in consume(secure.brokers, topic)] == [
        record.body for record in records
    ]
