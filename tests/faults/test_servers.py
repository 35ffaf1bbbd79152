"""Web servers are restarted and their workers killed: durable events arrive exactly once."""

from __future__ import annotations

import pytest

from tests.faults import servers
from tests.faults._scale import is_long
from tests.faults._web import servers as names

seconds = 20.0 if is_long else 1.5

short: list[tuple[str, tuple[servers.Disturbance, ...]]] = [
    ("uvicorn, 2 workers", ("restart",)),
    ("gunicorn, uvicorn workers, preload", ("restart", "kill")),
    ("gunicorn, sync workers", ("restart",)),
    ("gunicorn, sync workers, preload", ("restart",)),
    ("gunicorn, threads, preload", ("kill",)),
]
long = [(name, ("restart", "kill", "restart")) for name in names]


@pytest.mark.parametrize(("name", "disturbed"), long if is_long else short)
def test_each_durable_event_arrives_once(
    name: str, disturbed: tuple[servers.Disturbance, ...]
) -> None:
    """Given a server under load, When workers are replaced, Then no event is lost or repeated."""
    outcome = servers.carry_out(name, *disturbed, seconds=seconds)

    assert outcome.answered > 0
    assert outcome.faults == []
    assert outcome.from_master == ("preload" in name and "uvicorn" not in name)
