"""A channel of a plane, with what it was made of."""

from __future__ import annotations

import msgspec

from experimentframework_core._channel.channel import Channel
from experimentframework_core.backplanes.composite import Destination
from experimentframework_core.deadletter import DeadLetterStore


class Place(msgspec.Struct, frozen=True, eq=False):
    """A channel with what it was made of.

    Attributes:
        channel: The channel.
        destination: Its settings.
        store: Where its dead letters go; None where they are dropped.
    """

    channel: Channel
    destination: Destination
    store: DeadLetterStore | None
