"""Plugins that work by themselves and fail behind a data plane."""

from __future__ import annotations

from typing import ClassVar

from experimentframework_core.plugin import ChannelSettings
from tests.conformance.bad_plugins.base import Bad, but


class WantsBatchesOfNothing(Bad):
    fails: ClassVar = {"test_the_data_plane_delivers_everything"}
    plugin = but(channel_defaults=lambda options: ChannelSettings(batch_size=0))
