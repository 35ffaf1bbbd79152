"""Where each setting of a channel comes from."""

from __future__ import annotations

import msgspec
import pytest

from experimentframework_core.config import (
    BackplaneOptions,
    BufferOptions,
    ChannelConfig,
    DataPlaneOptions,
    RetryOptions,
    effective,
    effective_sources,
)
from experimentframework_core.plugin import ChannelSettings
from tests.core.config.sample_plugins import CourierOptions, courier, plain


def test_nothing_said_gives_the_defaults_of_the_library() -> None:
    """Given no setting anywhere, When a channel is resolved, Then all is the library's default."""
    node = BackplaneOptions(type="plain")

    channel = effective(DataPlaneOptions(), node, plain)

    assert channel.name == "plain"
    assert channel.events is None
    assert channel.batch_size == 500
    assert set(effective_sources(DataPlaneOptions(), node, plain).values()) == {"default"}


def test_the_most_specific_place_wins() -> None:
    """Given a size at each place, When places fall away, Then the next specific one holds."""
    plane = DataPlaneOptions(batch_size=4)
    in_options = CourierOptions(addresses="a", batch_size=1)
    silent = CourierOptions(addresses="a")
    nodes = [
        BackplaneOptions(type="courier", options=in_options, batch_size=2),
        BackplaneOptions(type="courier", options=silent, batch_size=2),
        BackplaneOptions(type="courier", options=silent),
    ]

    sizes = [effective(plane, node, courier).batch_size for node in nodes]
    sources = [effective_sources(plane, node, courier)["batch_size"] for node in nodes]
    without_a_plugin = effective(plane, BackplaneOptions(type="failover")).batch_size

    assert [*sizes, without_a_plugin] == [1, 2, 100, 4]
    assert sources == ["options", "backplane", "plugin"]


def test_a_setting_of_the_plane_is_told_from_a_default() -> None:
    """Given a size at the plane, When its source is asked for, Then it is the plane."""
    plane = DataPlaneOptions(batch_size=4)

    sources = effective_sources(plane, BackplaneOptions(type="plain"), plain)

    assert (sources["batch_size"], sources["concurrency"]) == ("dataPlane", "default")


def test_a_section_of_a_backplane_replaces_that_of_the_plane_as_a_whole() -> None:
    """Given retry at both places, When resolved, Then nothing of the plane's is mixed in."""
    plane = DataPlaneOptions(retry=RetryOptions(initial_delay_ms=5, max_attempts=9))
    node = BackplaneOptions(type="plain", retry=RetryOptions(max_attempts=2))

    channel = effective(plane, node, plain)

    assert channel.retry == RetryOptions(max_attempts=2)


@pytest.mark.parametrize(
    ("buffer", "most_events", "most_bytes", "when_full"),
    [
        (BufferOptions(), 10_000, 64 * 1024**2, "dropNewest"),
        (BufferOptions(type="disk", path="spool"), 1_000_000, 1024**3, "block"),
        (BufferOptions(max_events=7, max_bytes=8, when_full="dropOldest"), 7, 8, "dropOldest"),
    ],
)
def test_the_defaults_of_a_buffer_follow_its_type(
    buffer: BufferOptions, most_events: int, most_bytes: int, when_full: str
) -> None:
    """Given a buffer of a type, When resolved, Then what was not said follows the type."""
    node = BackplaneOptions(type="plain", buffer=buffer)

    resolved = effective(DataPlaneOptions(), node, plain).buffer

    assert (resolved.max_events, resolved.max_bytes) == (most_events, most_bytes)
    assert resolved.when_full == when_full


@pytest.mark.parametrize(("mode", "when_full"), [("drop", "dropNewest"), ("block", "block")])
def test_the_older_spellings_mean_the_buffer(mode: str, when_full: str) -> None:
    """Given maxQueueSize and failureMode, When resolved, Then the buffer has them."""
    plane = msgspec.convert({"maxQueueSize": 3, "failureMode": mode}, DataPlaneOptions)

    resolved = effective(plane, BackplaneOptions(type="plain"), plain).buffer

    assert (resolved.max_events, resolved.when_full) == (3, when_full)
    assert effective_sources(plane, BackplaneOptions(type="plain"))["buffer"] == "dataPlane"


def test_every_setting_of_a_channel_can_be_said_at_a_backplane() -> None:
    """Given the channel's settings, When a backplane's keys are looked at, Then all are there."""
    of_the_plane = {"shutdown_timeout_ms", "origin"}

    settings = set(ChannelConfig.__struct_fields__) - of_the_plane

    assert settings <= set(BackplaneOptions.__struct_fields__)
    assert set(ChannelSettings.__struct_fields__) <= settings
