"""The consumer that the page about consuming shows, over the wire."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from experimentframework_core import SeenEvents
from experimentframework_core.testing import make_record, make_records
from experimentframework_servicebus import plugin
from tests.docs.pages import docs, write_files
from tests.servicebus._wire import CONTEXT, LEAKS, options_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from experimentframework_core.envelope import Envelope
    from tests.peers.amqp.peer import ServiceBusPeer

pytestmark = pytest.mark.filterwarnings(*LEAKS)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module that the page shows."""
    write_files(docs / "how-to/consume-events.md", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("consume_service_bus")


async def test_each_event_has_its_effect_once(
    peer: ServiceBusPeer, queue: str, page: ModuleType
) -> None:
    """Given events that were sent twice, and a failure, Then each is handled once, none is left."""
    options, records, seen = options_of(peer, queue), make_records(3), SeenEvents()
    async with plugin.open(options, CONTEXT) as backplane:
        await backplane.deliver(records)
        await backplane.deliver([records[0], make_record()])
    handled: list[str] = []

    async def handle(envelope: Envelope) -> None:
        if len(handled) == 1 and not failed:
            failed.append(envelope.event_id)
            raise OSError("the mail server is away")
        handled.append(envelope.event_id)

    failed: list[str] = []
    with pytest.raises(OSError, match="away"):
        await page.consume(options, handle, seen, max_wait=2)
    await page.consume(options, handle, seen, max_wait=2)

    assert len(handled) == len(set(handled)) == 4
    assert {record.event_id for record in records} <= set(handled)
    assert failed[0] in handled
