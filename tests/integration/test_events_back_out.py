"""The page that leads events through every kind of destination is done as a reader does it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.docs.pages import blocks_of, docs, write_files
from tests.docs.steps import do

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.tds.peer import TdsPeer

page = docs / "how-to/events-back-out.md"


def test_the_same_events_are_at_every_stop(brokers: str, tds_peer: TdsPeer, tmp_path: Path) -> None:
    """Given a broker and a server, When the page is done, Then each step prints what is shown."""
    shutil.copytree(docs / "examples", tmp_path / "docs/examples")
    write_files(page, tmp_path)
    environment = {
        "KAFKA_BROKERS": brokers,
        "EVENTS_TOPIC": f"events-back-out-{os.getpid()}",
        "EVENTS_SQL": tds_peer.connection_string("replayed"),
    }
    steps = [block for block in blocks_of(page) if block.language in ("console", "text")]

    shown, printed = do(steps, tmp_path, environment)

    assert len(shown) == 3
    assert printed == shown
