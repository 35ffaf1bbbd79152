"""The kit, run on a failover that delivers through its second member, the first being down."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.backplanes.failover import Member, open_failover
from tests.conformance.reference_plugin import FileOptions, plugin
from tests.conformance.test_reference_plugin import ReferenceConformance

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.plugin import Backplane, OpenContext


def open_through_failover(
    options: FileOptions, context: OpenContext
) -> AbstractAsyncContextManager[Backplane]:
    """Open a failover whose first member is always down."""
    down = msgspec.structs.replace(options, path="/no such folder/events.jsonl")
    members = [
        Member(name=name, opener=partial(plugin.open, member))
        for name, member in (("first", down), ("second", options))
    ]
    return open_failover(members, context, open_timeout=5, retry_after=0.1, longest=1)


class TestFailover(ReferenceConformance):
    """It keeps what its members guarantee, while one of them answers."""

    plugin = msgspec.structs.replace(plugin, open=open_through_failover)
