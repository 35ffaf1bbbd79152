"""What holds for every test of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core import events
from tests.core.event_strategies import own_registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _only_built_in_types() -> Iterator[None]:
    """Forget the event types that other tests have registered: messages list them all."""
    with own_registry():
        for name in set(events._by_name) - set(events.built_in_types):
            del events._by_class[events._by_name.pop(name).payload]
        yield
