"""A configuration of the .NET ExperimentFramework validates, and its options act."""

from __future__ import annotations

from pathlib import Path

from experimentframework_core.config import data_plane_of, effective, load_file
from experimentframework_core.plugins import find_plugin
from experimentframework_servicebus import ServiceBusOptions, plugin

FILE = Path(__file__).parent / "data" / "dotnet.yaml"


def test_it_validates_and_acts() -> None:
    """Given a configuration of the original, When it is loaded, Then the channel has it all."""
    options = data_plane_of(load_file(FILE, find_plugin), "")
    assert options.backplane is not None

    channel = effective(options, options.backplane, plugin)

    assert isinstance(options.backplane.options, ServiceBusOptions)
    assert (channel.batch_size, channel.flush_interval_ms) == (100, 5000)
    assert channel.retry.max_attempts == 3
