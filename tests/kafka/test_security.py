"""Encryption and signing in, against Kafka itself."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_records
from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaOptions, KafkaSecurity, plugin
from tests.kafka._consumer import consume
from tests.kafka.topics import create_topic
from tests.peers.certificates import PASSWORD, Certificates, make_certificates
from tests.peers.kafka_java import JavaBroker
from tests.peers.require import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN_LOGIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="kafka" password="inner" user_shop="secret";'
)
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(certificates: Certificates) -> Iterator[JavaBroker]:
    """Return a broker that speaks every protocol, and knows a user ``shop``."""
    missing = None if shutil.which("java") else "no java in PATH to run a broker with users"
    require("kafka", missing=missing)
    settings = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.server),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.authority),
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    }
    for listener in ("sasl_plaintext", "sasl_ssl"):
        settings[f"listener.name.{listener}.plain.sasl.jaas.config"] = PLAIN_LOGIN
        for number in (256, 512):
            settings[f"listener.name.{listener}.scram-sha-{number}.sasl.jaas.config"] = SCRAM_LOGIN
    with JavaBroker(
        settings, protocols=("SSL", "SASL_PLAINTEXT", "SASL_SSL"), users={"shop": "secret"}
    ) as broker:
        yield broker


async def _arrives(secure: JavaBroker, security: KafkaSecurity) -> None:
    topic, records = create_topic(secure.brokers, 1), make_records(3)
    port = secure.ports[security.protocol]
    options = KafkaOptions(brokers=f"127.0.0.1:{port}", topic=topic, security=security)
    async with plugin.open(options, OpenContext(name="events")) as backplane:
        await backplane.deliver(records)
    assert [seen.value for seen in consume(secure.brokers, topic)] == [
        record.body for record in records
    ]


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_signing_in_by_password(
    protocol: str, mechanism: str, secure: JavaBroker, certificates: Certificates
) -> None:
    """Given a user and a mechanism, When events are delivered, Then they arrive."""
    security = KafkaSecurity(
        protocol=protocol,  # type: ignore[arg-type]
        mechanism=mechanism,  # type: ignore[arg-type]
        username="shop",
        password=Secret("secret"),
        cafile=str(certificates.authority) if protocol == "SASL_SSL" else None,
    )

    await _arrives(secure, security)


async def test_signing_in_by_certificate(secure: JavaBroker, certificates: Certificates) -> None:
    """Given brokers that ask for a certificate, When ours is shown, Then events arrive."""
    security = KafkaSecurity(
        protocol="SSL",
        cafile=str(certificates.authority),
        certfile=str(certificates.client),
        keyfile=str(certificates.client_key),
        keyfile_password=Secret(PASSWORD),
    )

    await _arrives(secure, security)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_told_and_not_shown(mechanism: str, secure: JavaBroker) -> None:
    """Given a wrong password, When the backplane opens, Then it says so, without the password."""
    security = KafkaSecurity(
        protocol="SASL_PLAINTEXT",
        mechanism=mechanism,  # type: ignore[arg-type]
        username="shop",
        password=Secret("not the one"),
    )

    with pytest.raises(UnavailableError) as raised:
        await _arrives(secure, security)

    port = secure.ports["SASL_PLAINTEXT"]
    assert str(raised.value).startswith(
        f"cannot sign in at 127.0.0.1:{port}: the brokers refuse the user or the password; see "
        "security.username ("
    )
    assert "not the one" not in str(raised.value)


async def test_an_authority_that_is_not_trusted_is_told(secure: JavaBroker, tmp_path: Path) -> None:
    """Given another authority, When the backplane opens, Then it says what was not verified."""
    others = make_certificates(tmp_path)
    security = KafkaSecurity(
        protocol="SASL_SSL",
        mechanism="PLAIN",
        username="shop",
        password=Secret("secret"),
        cafile=str(others.authority),
    )

    with pytest.raises(UnavailableError, match=r"certificate verify failed.*security\.cafile"):
        await _arrives(secure, security)


async def test_a_protocol_that_the_brokers_do_not_speak_fails_as_unreachable(
    secure: JavaBroker,
) -> None:
    """Given an encrypted listener, When it is spoken to in plain, Then no broker answers."""
    options = KafkaOptions(brokers=f"127.0.0.1:{secure.ports['SASL_SSL']}", request_timeout_ms=2000)

    with pytest.raises(TransientError, match="no broker answers"):
        async with plugin.open(options, OpenContext(name="events")):
            pass
