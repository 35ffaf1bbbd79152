"""Signing in by tokens, against Kafka itself."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core import DataPlane
from experimentframework_core.config import BackplaneOptions, DataPlaneOptions, RetryOptions
from experimentframework_core.errors import UnavailableError
from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_exposure, make_records
from experimentframework_kafka import KafkaOptions, KafkaSecurity, plugin
from tests.kafka._consumer import consume
from tests.kafka._signing_in import LISTENER, OAUTH_LOGIN, arrives
from tests.kafka.topics import create_topic

if TYPE_CHECKING:
    from tests.peers.certificates import Certificates
    from tests.peers.kafka_java import JavaBroker

SHORT_SESSIONS = {
    "protocols": ("SASL_PLAINTEXT",),
    "settings": {
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{LISTENER}.oauthbearer.sasl.jaas.config": OAUTH_LOGIN,
        f"{LISTENER}.oauthbearer.connections.max.reauth.ms": "1000",
    },
}


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

    await arrives(secure, security)


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
