"""Encryption, by both protocols."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions
from experimentframework_core.errors import UnavailableError
from experimentframework_core.testing import make_records
from tests.core.backplanes.otel._collectors import PROTOCOLS, opened, options_for
from tests.peers.certificates import PASSWORD, make_certificates
from tests.peers.otlp import grpc_collector, http_collector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.peers.certificates import Certificates
    from tests.peers.otlp import Collector

HTTP = "http/protobuf"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=list(PROTOCOLS))
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def encrypted(
    protocol: str, certificates: Certificates, *, asks: bool = False
) -> AsyncIterator[Collector]:
    """Run a collector with a certificate, which asks for the client's where it is told to."""
    if protocol == "grpc":
        server = certificates.server.read_bytes()
        authority = certificates.authority.read_bytes()
        credentials = grpc.ssl_server_credentials([(server, server)], authority, asks)
        async with grpc_collector(tls=credentials) as collector:
            yield collector
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    if asks:
        context.load_verify_locations(certificates.authority)
        context.verify_mode = ssl.CERT_REQUIRED
    async with http_collector(tls=context) as collector:
        yield collector


async def test_a_certificate_of_our_own_authority(
    protocol: str, certificates: Certificates
) -> None:
    """Given ``cafile``, When a batch is delivered, Then it arrives encrypted."""
    async with encrypted(protocol, certificates) as collector:
        options = options_for(collector, protocol, cafile=str(certificates.authority))

        async with opened(options) as backplane:
            await backplane.deliver(make_records(2))

    assert len(collector.spans) == 2


async def test_a_client_with_a_certificate(
    protocol: str, certificates: Certificates, tmp_path: Path
) -> None:
    """Given a collector that asks who we are, When a batch is delivered, Then it is told."""
    key = tmp_path / "key.pem"
    key.write_bytes(opened_key(certificates))
    async with encrypted(protocol, certificates, asks=True) as collector:
        options = options_for(
            collector,
            protocol,
            cafile=str(certificates.authority),
            certfile=str(certificates.client),
            keyfile=str(key),
        )

        async with opened(options) as backplane:
            await backplane.deliver(make_records(2))

    assert len(collector.spans) == 2


def opened_key(certificates: Certificates) -> bytes:
    """Return the client's key without its password."""
    key: Any = load_pem_private_key(certificates.client_key.read_bytes(), PASSWORD.encode())
    opened: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return opened


async def test_a_certificate_that_is_not_trusted(protocol: str, certificates: Certificates) -> None:
    """Given an unknown authority, When a batch is delivered, Then the error names the option."""
    async with (
        encrypted(protocol, certificates) as collector,
        opened(options_for(collector, protocol)) as backplane,
    ):
        with pytest.raises(UnavailableError, match=r"not trusted.*; see cafile"):
            await backplane.deliver(make_records(1))


async def test_no_tls_at_the_other_side() -> None:
    """Given https where there is only http, When a batch is delivered, Then the error says so."""
    async with http_collector() as collector:
        address = collector.endpoint.replace("http:", "https:")

        async with opened(OpenTelemetryOptions(endpoint=address)) as backplane:
            with pytest.raises(UnavailableError, match="no TLS with it"):
                await backplane.deliver(make_records(1))


@pytest.mark.parametrize("name", ["cafile", "certfile"])
async def test_a_file_that_is_not_there(protocol: Any, name: str, tmp_path: Path) -> None:
    """Given a missing file, When it is opened, Then the error says so."""
    options: Any = {"endpoint": "https://127.0.0.1:1", name: str(tmp_path / "missing.pem")}

    with pytest.raises(UnavailableError, match="No such file"):
        async with opened(OpenTelemetryOptions(protocol=protocol, **options)):
            pass


async def test_a_key_with_a_password(protocol: Any, certificates: Certificates) -> None:
    """Given a key that is encrypted, When it is opened, Then nobody waits for its password."""
    options = OpenTelemetryOptions(
        endpoint="https://127.0.0.1:1",
        protocol=protocol,
        certfile=str(certificates.client),
        keyfile=str(certificates.client_key),
    )

    with pytest.raises(UnavailableError, match="a key without a password"):
        async with opened(options):
            pass
