"""The example configuration of the documentation and its events, as a user has them."""

from __future__ import annotations

import os
import re
import sysconfig
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core.codec import decode_record
from experimentframework_kafka import KafkaOptions
from experimentframework_kafka._topics import all_topics
from tests.docs.pages import docs
from tests.kafka._consumer import consume

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record

COMMAND = Path(sysconfig.get_path("scripts")) / "experimentframework"
EXAMPLE = docs / "examples/kafka.yaml"
OPTIONS = KafkaOptions(brokers="-", topics={"exposure": "shop-exposures"})


def recent_events(folder: Path) -> Path:
    """Write the example's events into ``folder`` as if they had happened yesterday.

    The example's topics keep events for 14 days by the events' own times: a broker removes older
    ones within minutes.
    """
    text = (docs / "examples/events.ndjson").read_text()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    path = folder / "events.ndjson"
    path.write_text(re.sub(r"2026-03-02(?=T)", f"{yesterday:%Y-%m-%d}", text))
    return path


def environment(brokers: str, folder: Path) -> dict[str, str]:
    """Return what the example asks of the environment; what it keeps is in ``folder``."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "KAFKA_BROKERS": brokers,
        "KAFKA_REPLICAS": "1",
        "EVENTS_BUFFER": str(folder / "buffer"),
        "EXPERIMENTFRAMEWORK_STATE": str(folder),
    }


def sent(brokers: str, since: datetime) -> list[Record]:
    """Return what is in the example's topics, as another client sees it."""
    seen = [each for topic in all_topics(OPTIONS) for each in consume(brokers, topic)]
    return [record for each in seen if (record := decode_record(each.value)).timestamp >= since]
