"""The tutorial's last step, with a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs.pages import docs, write_files
from tests.docs.steps import do
from tests.docs.test_tutorial import blocks_with

if TYPE_CHECKING:
    from pathlib import Path


def test_a_broker_gives_the_figures_that_a_file_gave(brokers: str, tmp_path: Path) -> None:
    """Given a broker, When the shop's destination is changed, Then the figures are the same."""
    write_files(docs / "tutorial.md", tmp_path)
    steps = [block for block in blocks_with(broker=True) if block.language != "sh"]

    shown, printed = do(steps, tmp_path, {"KAFKA_BROKERS": brokers})

    assert len(shown) == 1
    assert printed == shown
