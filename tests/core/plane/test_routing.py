"""Each event type has one route, whoever meets it first."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from experimentframework_core._gate.gate import Rules
from experimentframework_core._plane.routing import Router
from experimentframework_core.config import DataPlaneOptions
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.testing import make_envelope, make_exposure


def router(**settings: Any) -> Router:
    return Router(Rules(DataPlaneOptions(**settings)), (), max_bytes=1000)


def test_a_type_has_one_route() -> None:
    """Given two events of a type, when their routes are asked for, then they are the same."""
    routes = router()

    assert routes.route_of(make_exposure()) is routes.route_of(make_exposure())


def test_all_unregistered_names_share_a_route() -> None:
    """Given envelopes of unknown types, when their routes are asked for, there is one."""
    routes = router()
    envelopes = [
        msgspec.structs.replace(make_envelope(), event_type=name, payload={}) for name in "ab"
    ]

    first, second = (routes.route_of(envelope) for envelope in envelopes)

    assert first is second
    assert len(routes.routes) == 1


def test_the_toggle_is_told_before_the_lack_of_a_route() -> None:
    """Given no channel and a switched off type, when it is routed, then the toggle is said."""
    routes = router(enable_exposure_events=False)

    route = routes.route_of(make_exposure())

    assert route.filtered is not None
    assert route.filtered.reason == "toggle"


@pytest.mark.parametrize("thing", [None, 5, {}, msgspec.Struct])
def test_what_is_no_payload_has_no_route(thing: Any) -> None:
    """Given a thing of an unregistered class, when its route is asked for, it is refused."""
    with pytest.raises(InvalidEventError, match="not a registered event type"):
        router().route_of(thing)
