"""Encryption and signing in, against Kafka itself."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core import DataPlane, HealthStatus
from experimentframework_core.config import BackplaneOptions, DataPlaneOptions, RetryOptions
from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.plugin import OpenContext, Selection
from experimentframework_core.testing import make_exposure, make_records
from experimentframework_core.units import Secret
from experimentframework_kafka import KafkaOptions, KafkaSecurity, plugin
from tests.kafka._consumer import consume
from tests.kafka.topics import allow, change_password, create_topic
from tests.peers.certificates import PASSWORD, Certificates, make_certificates
from tests.peers.kafka_java import STEADY, JavaBroker
from tests.peers.require import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
SHORT_SESSIONS = {
    "protocols": ("SASL_PLAINTEXT",),
    "settings": {
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{LISTENER}.oauthbearer.sasl.jaas.config": OAUTH_LOGIN,
        f"{LISTENER}.oauthbearer.connections.max.reauth.ms": "1000",
    },
}


WITH_SCRAM = {
    "protocols": ("SASL_PLAINTEXT",),
    "users": {"shop": "secret"},
    "settings": {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{LISTENER}.scram-sha-512.sasl.jaas.config": SCRAM_LOGIN,
    },
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(certificates: Certificates) -> Iterator[JavaBroker]:
    """Return a broker that speaks every protocol, and knows a user ``shop``."""
    missing = None if shutil.which("java") else "no java in PATH to run a broker with users"
    require("kafka", missing=missing)
    settings = {
        **STEADY,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.server),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.authority),
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    }
    for listener in ("sasl_plaintext", "sasl_ssl"):
        settings[f"listener.name.{listener}.plain.sasl.jaas.config"] = PLAIN_LOGIN
        settings[f"listener.name.{listener}.oauthbearer.sasl.jaas.config"] = OAUTH_LOGIN
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


def unsecured_token(lifetime: float = 300.0) -> str:
    """Return a token without a signature, as Kafka's own module for tests takes it."""
    now = time.time()
    claims = {"sub": "shop", "iat": now - 600, "exp": now + lifetime}
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    encoded = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return ".".join((*encoded, ""))


calls: list[str] = []


async def good_token() -> str:
    """Return a good token, as the function of an application does."""
    calls.append("good")
    return unsecured_token()


def old_token() -> str:
    """Return a token that has expired."""
    return unsecured_token(lifetime=-60)


def old_and_then_good_token() -> str:
    """Return a token that has expired the first time."""
    calls.append("either")
    return unsecured_token(-60 if len(calls) == 1 else 300)


def no_token() -> str:
    """Raise, as a function whose authority is away does."""
    raise OSError("the authority is away")


async def late_token() -> str:
    """Return no token in time."""
    await asyncio.sleep(60)
    return ""


def bytes_for_a_token() -> bytes:
    """Return something else than a token."""
    return b"token"


def _by_token(name: str, protocol: str = "SASL_PLAINTEXT") -> KafkaSecurity:
    return KafkaSecurity(
        protocol=protocol,  # type: ignore[arg-type]
        mechanism="OAUTHBEARER",
        token_provider=f"{__name__}:{name}",
    )


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_signing_in_by_token(
    protocol: str, secure: JavaBroker, certificates: Certificates
) -> None:
    """Given a function that returns tokens, When events are delivered, Then they arrive."""
    security = _by_token("good_token", protocol)
    if protocol == "SASL_SSL":
        security = msgspec.structs.replace(security, cafile=str(certificates.authority))

    await _arrives(secure, security)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "old_token",
            "the brokers refuse the token, or it has expired; see security.tokenProvider",
        ),
        ("no_token", "security.tokenProvider '{}:no_token' raised OSError: the authority is away"),
        ("late_token", "security.tokenProvider '{}:late_token' gave no token within 0.3 s"),
        (
            "bytes_for_a_token",
            (
                "security.tokenProvider '{}:bytes_for_a_token' returned bytes;"
                " expected a token as text"
            ),
        ),
    ],
)
async def test_a_token_that_cannot_be_used_is_told(name: str, why: str, secure: JavaBroker) -> None:
    """Given no good token, When the backplane opens, Then it says which function is to blame."""
    broker = f"127.0.0.1:{secure.ports['SASL_PLAINTEXT']}"
    timeout = 300 if name == "late_token" else 5000
    options = KafkaOptions(brokers=broker, security=_by_token(name), request_timeout_ms=timeout)

    with pytest.raises(UnavailableError) as raised:
        async with plugin.open(options, OpenContext(name="events")):
            pass

    assert str(raised.value) == f"cannot sign in at {broker}: {why.format(__name__)}"


async def test_a_plane_that_gets_a_good_token_later_delivers(secure: JavaBroker) -> None:
    """Given the first token has expired, When a plane opens, Then it tries again and delivers."""
    calls.clear()
    topic = create_topic(secure.brokers, 1)
    options = KafkaOptions(
        brokers=f"127.0.0.1:{secure.ports['SASL_PLAINTEXT']}",
        topic=topic,
        security=_by_token("old_and_then_good_token"),
    )
    node = BackplaneOptions(type="kafka", options=options)
    retry = RetryOptions(initial_delay_ms=10, max_delay_ms=50)

    async with DataPlane(DataPlaneOptions(backplane=node, retry=retry)) as plane:
        await plane.publish(make_exposure(), ack="delivered")

    assert len(consume(secure.brokers, topic)) == 1


@pytest.mark.parametrize("own_broker", [SHORT_SESSIONS], indirect=True)
async def test_a_session_that_ends_is_begun_anew(own_broker: JavaBroker) -> None:
    """Given brokers that end a session after a second, When events come later, Then they arrive."""
    topic, records = create_topic(own_broker.brokers, 1), make_records(4)
    broker = f"127.0.0.1:{own_broker.ports['SASL_PLAINTEXT']}"
    options = KafkaOptions(brokers=broker, topic=topic, security=_by_token("good_token"))

    async with plugin.open(options, OpenContext(name="events")) as backplane:
        await backplane.deliver(records[:2])
        asked = len(calls)
        await asyncio.sleep(2.5)
        await backplane.deliver(records[2:])

    assert len(calls) > asked
    assert [seen.value for seen in consume(own_broker.brokers, topic)] == [
        each.body for each in records
    ]


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
