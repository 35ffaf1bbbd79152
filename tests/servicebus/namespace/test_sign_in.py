"""Keys and tokens that are wrong, or were right once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_core.testing import make_records
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, plugin
from experimentframework_servicebus._namespace.sign_in import why_refused
from tests.peers.amqp.faults import Fault
from tests.peers.amqp.tokens import KEY, KEY_NAME
from tests.servicebus._wire import CONTEXT, LEAKS, ids, options_of, stored

if TYPE_CHECKING:
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)

NOW = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)
HOST = "Endpoint=sb://shop.servicebus.windows.net;"


def signed(resource: str, expiry: int) -> str:
    """Return a shared access signature as a portal or a script makes it."""
    text = f"{quote(resource, safe='')}\n{expiry}"
    digest = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).digest()
    return (
        f"SharedAccessSignature sr={quote(resource, safe='')}"
        f"&sig={quote(base64.b64encode(digest), safe='')}&se={expiry}&skn={KEY_NAME}"
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (f"{HOST}SharedAccessKeyName=a;SharedAccessKey=b", "refuses SharedAccessKeyName or Shared"),
        (
            f"{HOST}SharedAccessSignature={signed('sb://a', 1_700_000_000)}",
            "expired at 2023-11-14T22:13:20+00:00; make a new one",
        ),
        (
            f"{HOST}SharedAccessSignature={signed('sb://a', 1_900_000_000)}",
            "its key may have been renewed",
        ),
        (None, "refuses the application's Azure identity"),
    ],
)
def test_a_refusal_says_what_to_look_at(said: str | None, expected: str) -> None:
    """Given a way to sign in, When it is refused, Then the reason fits it and shows no secret."""
    options = ServiceBusOptions(
        connection_string=None if said is None else Secret(said), queue_name="events"
    )

    why = why_refused(options, NOW)

    assert expected in why
    assert "sig=" not in why


async def test_a_signature_that_has_expired_is_told(peer: ServiceBusPeer, queue: str) -> None:
    """Given an old signature, When it is used, Then the error says since when it is none."""
    signature = signed(f"sb://127.0.0.1:{peer.ports.amqp}/{queue}", 1_700_000_000)
    options = ServiceBusOptions(
        connection_string=Secret(
            f"Endpoint=sb://127.0.0.1:{peer.ports.amqp};SharedAccessSignature={signature};"
            "UseDevelopmentEmulator=true"
        ),
        queue_name=queue,
    )

    with pytest.raises(UnavailableError, match="expired at 2023-11-14T22:13:20"):
        await plugin.open(options, CONTEXT).__aenter__()


async def test_a_token_that_expires_meanwhile_is_renewed(peer: ServiceBusPeer, queue: str) -> None:
    """Given a link that ends with its token, When events come, Then a new token takes them."""
    records = make_records(4)

    async with plugin.open(options_of(peer, queue), CONTEXT) as backplane:
        await backplane.deliver(records[:2])
        peer.detach("amqp:unauthorized-access")
        await backplane.deliver(records[2:])

    assert stored(peer, queue) == ids(records)


async def test_a_key_that_is_renewed_meanwhile_keeps_the_events_waiting(
    peer: ServiceBusPeer, queue: str
) -> None:
    """Given a refused new token, When events come, Then they wait until the key is good again."""
    records = make_records(4)

    async with plugin.open(options_of(peer, queue), CONTEXT) as backplane:
        await backplane.deliver(records[:2])
        peer.inject(Fault(what="error", at="token", message="InvalidSignature"))
        peer.detach("amqp:unauthorized-access")
        with pytest.raises(UnavailableError, match="refuses SharedAccessKeyName or SharedAccess"):
            await backplane.deliver(records[2:])
        await backplane.deliver(records[2:])

    assert stored(peer, queue) == ids(records)
