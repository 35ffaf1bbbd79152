"""The example apps of each framework record who saw which variant, on a real server."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.docs.serving import served, stored

if TYPE_CHECKING:
    from pathlib import Path

visitors = [f"v-{number}" for number in range(40)]


@pytest.mark.parametrize(
    ("folder", "app", "path"),
    [
        ("starlette_app", "app:app", "/checkout"),
        ("litestar_app", "app:app", "/checkout"),
        ("django_app", "shop.asgi:application", "/checkout"),
        ("django_app", "shop.asgi:application", "/checkout/sync"),
    ],
)
def test_each_visit_is_one_exposure(folder: str, app: str, path: str, tmp_path: Path) -> None:
    """Given visitors, one of them twice, and a stranger, When all came, Then each is stored."""
    database = tmp_path / "events.db"
    shown = {}

    with served(folder, app, EVENTS_DB=str(database)) as url, httpx.Client(base_url=url) as client:
        for visitor in [*visitors, visitors[0]]:
            page = client.get(path, headers={"cookie": f"visitor={visitor}"})
            shown[visitor] = page.raise_for_status().json()["variant"]
        stranger = client.get(path)
        too_long = client.get(path, headers={"cookie": f"visitor={'v' * 300}"})

    exposures = [event.payload for event in stored(database)]
    assert {each.subject_id: each.variant_key for each in exposures} == shown
    assert Counter(each.is_repeat_exposure for each in exposures) == {False: 40, True: 1}
    assert set(shown.values()) == {"control", "express"}
    assert (stranger.status_code, too_long.status_code) == (200, 200)


def test_without_a_lifespan_a_buffer_on_disk_keeps_what_was_taken(tmp_path: Path) -> None:
    """Given a buffer on disk that nobody drains, When the next server starts, Then all arrive."""
    database = tmp_path / "events.db"
    configuration = tmp_path / "experiments.yaml"
    configuration.write_text(
        f"""
        dataPlane:
          flushIntervalMs: 1m
          buffer: {{type: disk, path: {tmp_path / "spool"}}}
          backplane: {{type: sqlite, options: {{path: {database}}}}}
        """
    )
    settings = {"EXPERIMENTS": os.fspath(configuration)}

    with (
        served("django_app", "shop.asgi:application", "--lifespan", "off", **settings) as url,
        httpx.Client(base_url=url) as client,
    ):
        for visitor in visitors:
            client.get("/checkout", headers={"cookie": f"visitor={visitor}"}).raise_for_status()
    before = stored(database) if database.exists() else []
    with served("django_app", "shop.asgi:application", **settings):
        pass

    assert before == []
    assert Counter(event.payload.subject_id for event in stored(database)) == Counter(visitors)
