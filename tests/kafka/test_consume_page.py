"""The consumer that the page about consuming shows, on Kafka itself."""

from __future__ import annotations

import importlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from experimentframework_core.plugin import OpenContext
from experimentframework_core.testing import make_outcome, make_record
from experimentframework_kafka import KafkaOptions, plugin
from tests.docs.pages import docs, write_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module that the page shows."""
    write_files(docs / "how-to/consume-events.md", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("consume_kafka")


async def test_a_crash_before_the_commit_repeats_no_effect(
    brokers: str,
    make_topic: Callable[..., str],
    page: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Given a consumer that ends between effect and commit, When begun again, Then all are once."""
    topic = make_topic(2)
    records = [make_record(make_outcome(subject_id=f"u-{n}", value=float(n))) for n in range(20)]
    async with plugin.open(
        KafkaOptions(brokers=brokers, topic=topic), OpenContext(name="events")
    ) as backplane:
        await backplane.deliver(records)
    foreign = Producer({"bootstrap.servers": brokers, "log_level": 0})
    foreign.produce(topic, b"no event")
    foreign.flush(20)

    async def crash(_consumer: object) -> None:
        raise SystemError("killed")

    with closing(sqlite3.connect(":memory:")) as database:
        with monkeypatch.context() as patched:
            patched.setattr(page.AIOKafkaConsumer, "commit", crash)
            with pytest.raises(SystemError, match="killed"):
                await page.consume(brokers, topic, topic, database, idle=5000)
        stored_before = database.execute("SELECT count(*) FROM purchases").fetchone()
        await page.consume(brokers, topic, topic, database, idle=3000)
        stored = database.execute("SELECT event_id, value FROM purchases").fetchall()

    assert stored_before != (0,)
    assert sorted(stored) == sorted((each.event_id, float(n)) for n, each in enumerate(records))
    assert "not JSON" in capsys.readouterr().out
