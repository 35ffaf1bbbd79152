"""Over TLS, as the service has it: who vouches for it, and who does not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import pytest
from azure.servicebus.aio import ServiceBusClient

from experimentframework_core.errors import UnavailableError
from experimentframework_core.testing import make_records
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, plugin
from tests.peers.amqp.tokens import KEY, KEY_NAME
from tests.peers.certificates import make_certificates
from tests.peers.proton import why_missing
from tests.peers.require import require
from tests.servicebus._wire import CONTEXT, LEAKS, ids, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.amqp.peer import ServiceBusPeer
    from tests.peers.certificates import Certificates

    Transport = Literal["amqp", "websocket"]

pytestmark = pytest.mark.filterwarnings(*LEAKS)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def encrypted(certificates: Certificates) -> Iterator[ServiceBusPeer]:
    """Return a broker that speaks TLS, with a queue."""
    require("proton", missing=why_missing())
    from tests.peers.amqp.peer import ServiceBusPeer

    with ServiceBusPeer(certificates.server) as peer:
        yield peer


@pytest.fixture(params=["amqp", "websocket"])
def transport(
    request: pytest.FixtureRequest, encrypted: ServiceBusPeer, monkeypatch: pytest.MonkeyPatch
) -> Transport:
    """Return a transport that goes to the broker: the service has ports 5671 and 443 only."""
    found: Transport = request.param
    ports = {"amqp": encrypted.ports.tls, "websocket": encrypted.ports.websocket_tls}
    elsewhere = partial(
        ServiceBusClient.from_connection_string,
        custom_endpoint_address=f"sb://127.0.0.1:{ports[found]}",
    )
    monkeypatch.setattr(ServiceBusClient, "from_connection_string", elsewhere)
    return found


def options_of(queue: str, transport: Transport, cafile: Path | None) -> ServiceBusOptions:
    return ServiceBusOptions(
        connection_string=Secret(
            f"Endpoint=sb://127.0.0.1;SharedAccessKeyName={KEY_NAME};SharedAccessKey={KEY}"
        ),
        queue_name=queue,
        transport=transport,
        cafile=None if cafile is None else str(cafile),
    )


async def test_events_go_over_tls(
    encrypted: ServiceBusPeer, entity: str, certificates: Certificates, transport: Transport
) -> None:
    """Given an authority of one's own, When cafile names it, Then events are stored."""
    encrypted.queue(entity)
    records = make_records(3)
    options = options_of(entity, transport, certificates.authority)

    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver(records)

    assert stored(encrypted, entity) == ids(records)


async def test_an_unknown_authority_is_told(entity: str, transport: Transport) -> None:
    """Given no cafile, When nobody known vouches for the service, Then it says what to do."""
    with pytest.raises(UnavailableError) as raised:
        await plugin.open(options_of(entity, transport, None), CONTEXT).__aenter__()

    assert "127.0.0.1 is not trusted; cafile names who may vouch for it" in str(raised.value)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_cafile_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    """Given a cafile that is missing or holds nothing, When opened, Then the error names it."""
    cafile = tmp_path / "authority.pem"
    if content is not None:
        cafile.write_text(content, encoding="ascii")

    with pytest.raises(UnavailableError) as raised:
        await plugin.open(options_of("events", "amqp", cafile), CONTEXT).__aenter__()

    assert str(raised.value).startswith(f"cannot use cafile '{cafile}': ")
    assert str(raised.value).endswith("; expected certificates in PEM")
