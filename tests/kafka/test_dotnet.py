"""Configurations of the .NET ExperimentFramework validate, and all of their options act."""

from __future__ import annotations

from pathlib import Path

import pytest

from experimentframework_core.config import BackplaneOptions, data_plane_of, effective, load_file
from experimentframework_core.plugins import find_plugin
from experimentframework_kafka import KafkaOptions, plugin

DATA = Path(__file__).parent / "data"


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
