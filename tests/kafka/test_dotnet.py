"""Configurations of the .NET ExperimentFramework act, and the events that it writes are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from experimentframework_core.codec import decode
from experimentframework_core.config import BackplaneOptions, data_plane_of, effective, load_file
from experimentframework_core.plugin import Selection
from experimentframework_core.plugins import find_plugin
from experimentframework_kafka import KafkaOptions, plugin
from experimentframework_kafka._reader import KafkaReader

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"
EVENTS = Path(__file__).parents[1] / "core" / "data" / "dotnet"


@pytest.mark.parametrize("file", sorted(DATA.glob("*.yaml")), ids=lambda file: file.name)
def test_it_validates(file: Path) -> None:
    """Given a configuration of the original, When it is loaded, Then it has no problem."""
    node = data_plane_of(load_file(file, find_plugin), "").backplane

    assert isinstance(node, BackplaneOptions)
    assert isinstance(node.options, KafkaOptions)


def test_what_stands_in_options_acts_on_the_channel() -> None:
    """Given batchSize and flushIntervalMs in options, When resolved, Then the channel has them."""
    options = data_plane_of(load_file(DATA / "dotnet.yaml", find_plugin), "")
    assert options.backplane is not None

    channel = effective(options, options.backplane, plugin)

    assert (channel.batch_size, channel.flush_interval_ms) == (1000, 250)


@pytest.mark.parametrize("spelling", ["", "names"])
async def test_its_events_are_read_in_full(
    spelling: str, brokers: str, make_topic: Callable[..., str]
) -> None:
    """Given its events, with its headers, When they are read, Then they are typed, and selected."""
    topic, producer = make_topic(1), Producer({"bootstrap.servers": brokers})
    expected = {each.stem: decode(each.read_bytes()) for each in sorted(EVENTS.glob("*.json"))}
    for name, envelope in expected.items():
        headers: list[tuple[str, str | bytes | None]] = [
            ("event-id", envelope.event_id.encode()),
            ("event-type", (name[0].upper() + name[1:]).encode()),
            ("schema-version", b"1.0.0"),
        ]
        body = (EVENTS / spelling / f"{name}.json").read_bytes()
        producer.produce(topic, body, key=b"checkout", headers=headers)
    producer.flush(20)
    options = KafkaOptions(brokers=brokers, topic=topic)

    everything = [each async for each in KafkaReader(options, Selection())]
    selection = Selection(types=("outcome", "exposure"), experiments=("checkout",))
    selected = [each async for each in KafkaReader(options, selection)]

    assert everything == [*expected.values()]
    assert selected == [expected["exposure"], expected["outcome"]]
