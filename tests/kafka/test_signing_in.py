"""Encryption, and signing in by password or certificate, against Kafka itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import DataPlane, HealthStatus
from experimentframework_core.config import BackplaneOptions, DataPlaneOptions
from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_exposure, make_records
from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaOptions, KafkaSecurity, plugin
from tests.kafka._signing_in import LISTENER, SCRAM_LOGIN, arrives
from tests.kafka.topics import change_password, create_topic
from tests.peers.certificates import PASSWORD, Certificates, make_certificates

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.kafka_java import JavaBroker

WITH_SCRAM = {
    "protocols": ("SASL_PLAINTEXT",),
    "users": {"shop": "secret"},
    "settings": {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{LISTENER}.scram-sha-512.sasl.jaas.config": SCRAM_LOGIN,
    },
}


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

    await arrives(secure, security)


async def test_signing_in_by_certificate(secure: JavaBroker, certificates: Certificates) -> None:
    """Given brokers that ask for a certificate, When ours is shown, Then events arrive."""
    security = KafkaSecurity(
        protocol="SSL",
        cafile=str(certificates.authority),
        certfile=str(certificates.client),
        keyfile=str(certificates.client_key),
        keyfile_password=Secret(PASSWORD),
    )

    await arrives(secure, security)


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
        await arrives(secure, security)

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
        await arrives(secure, security)


async def test_a_listener_that_must_be_signed_in_to_is_told(secure: JavaBroker) -> None:
    """Given a listener with SASL, When we do not sign in, Then it says that we should."""
    broker = f"127.0.0.1:{secure.ports['SASL_PLAINTEXT']}"

    with pytest.raises(TransientError) as raised:
        async with plugin.open(KafkaOptions(brokers=broker), OpenContext(name="events")):
            pass

    assert str(raised.value) == (
        f"no broker answers: {broker}: it takes the connection, and closes it when asked "
        "something; it may expect to be signed in to: say a security.protocol with SASL"
    )


@pytest.mark.parametrize("own_broker", [WITH_SCRAM], indirect=True)
async def test_a_password_that_is_changed_meanwhile_is_told(own_broker: JavaBroker) -> None:
    """Given another password and a new start, When events are delivered, Then that is told."""
    topic = create_topic(own_broker.brokers, 1)
    options = KafkaOptions(
        brokers=f"127.0.0.1:{own_broker.ports['SASL_PLAINTEXT']}",
        topic=topic,
        security=KafkaSecurity(
            protocol="SASL_PLAINTEXT",
            mechanism="SCRAM-SHA-512",
            username="shop",
            password=Secret("secret"),
        ),
    )
    loop = asyncio.get_running_loop()

    async with plugin.open(options, OpenContext(name="events")) as backplane:
        await backplane.deliver(make_records(1))
        change_password(own_broker.brokers, "shop", "another")
        own_broker.kill()
        await asyncio.to_thread(own_broker.start)
        began = loop.time()
        with pytest.raises(UnavailableError, match="refuse the user or the password"):
            await backplane.deliver(make_records(1))
        took = loop.time() - began

    assert took < OpenContext(name="events").delivery_timeout / 2


async def test_a_protocol_that_the_brokers_do_not_speak_fails_as_unreachable(
    secure: JavaBroker,
) -> None:
    """Given an encrypted listener, When it is spoken to in plain, Then no broker answers."""
    options = KafkaOptions(brokers=f"127.0.0.1:{secure.ports['SASL_SSL']}", request_timeout_ms=2000)

    with pytest.raises(TransientError, match=r"closes the connection; does it speak PLAINTEXT"):
        async with plugin.open(options, OpenContext(name="events")):
            pass


async def test_wrong_credentials_are_told_by_health(secure: JavaBroker) -> None:
    """Given a wrong password, When a plane opens, Then health says so, and events wait."""
    security = KafkaSecurity(
        protocol="SASL_PLAINTEXT", mechanism="PLAIN", username="shop", password=Secret("not it")
    )
    broker = f"127.0.0.1:{secure.ports['SASL_PLAINTEXT']}"
    node = BackplaneOptions(type="kafka", options=KafkaOptions(brokers=broker, security=security))
    async with DataPlane(DataPlaneOptions(backplane=node, shutdown_timeout_ms=100)) as plane:
        receipt = await plane.publish(make_exposure())
        async with asyncio.timeout(30):
            while True:
                health = await plane.health()
                if health.status is HealthStatus.UNHEALTHY:
                    break
                await asyncio.sleep(0.05)

    description = health.diagnostics["kafka"].description
    assert receipt.status == "accepted"
    assert description.startswith(
        f"the destination refuses us: cannot sign in at {broker}: the brokers refuse the user or "
    )
    assert "not it" not in repr(health)
