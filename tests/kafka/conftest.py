"""Topics on the broker that all share, a broker that asks who is there, and brokers of one test."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.kafka._signing_in import OAUTH_LOGIN, PLAIN_LOGIN, SCRAM_LOGIN
from tests.kafka.topics import create_topic
from tests.peers import kafka_java
from tests.peers.certificates import Certificates, make_certificates
from tests.peers.require import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def make_topic(brokers: str) -> Callable[..., str]:
    """Return a function that makes a topic which nobody else uses, and returns its name."""
    return partial(create_topic, brokers)


@pytest.fixture
def own_broker(request: pytest.FixtureRequest) -> Iterator[kafka_java.JavaBroker]:
    """Return a broker of the test's own, which it may kill; parameters are those of the class."""
    missing = None if shutil.which("java") else "no java in PATH to run a broker that may be killed"
    require("kafka", missing=missing)
    with kafka_java.JavaBroker(**getattr(request, "param", {})) as broker:
        yield broker


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return certificates of an authority of our own."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secure(certificates: Certificates) -> Iterator[kafka_java.JavaBroker]:
    """Return a broker that speaks every protocol, and knows a user ``shop``."""
    missing = None if shutil.which("java") else "no java in PATH to run a broker with users"
    require("kafka", missing=missing)
    settings = {
        **kafka_java.STEADY,
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
    with kafka_java.JavaBroker(
        settings, protocols=("SSL", "SASL_PLAINTEXT", "SASL_SSL"), users={"shop": "secret"}
    ) as broker:
        yield broker
