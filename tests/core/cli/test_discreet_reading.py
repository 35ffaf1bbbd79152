"""Commands that read a third party's backplane show no secret of its options."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.core.cli.command import run_here

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.sites import Site

CODE = """
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from experimentframework_core.errors import UnavailableError
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, Features
from experimentframework_core.units import Secret


class Options(ChannelSettings, frozen=True, kw_only=True, rename="camel"):
    connection_string: Secret


@asynccontextmanager
async def opened(options, context):
    raise UnavailableError(f"cannot connect: {options.connection_string.reveal()}")
    yield


class Reader(AsyncIterator):
    def __init__(self, options, selection):
        self.checkpoint = selection.checkpoint
        self.text = options.connection_string.reveal()

    async def __anext__(self):
        raise UnavailableError(f"cannot connect: {self.text}")


@asynccontextmanager
async def letters(options):
    raise UnavailableError(f"cannot connect: {options.connection_string.reveal()}")
    yield


plugin = BackplanePlugin(
    type="{type}",
    options=Options,
    open=opened,
    read=Reader,
    dead_letters=letters,
    features=Features(durable=True, readable=True),
)
"""


@pytest.mark.parametrize(
    "command",
    [
        ("tail", "--config", "{config}"),
        ("export", "--config", "{config}", "--output", "{folder}/events.ndjson"),
        ("report", "--config", "{config}"),
        ("replay", "--from", "{config}", "--to", "{target}"),
        ("dead-letter", "list", "--source", "broker", "--config", "{config}"),
    ],
    ids=lambda command: command[0],
)
def test_what_cannot_be_read_is_told_without_its_secrets(
    command: tuple[str, ...], site: Site, tmp_path: Path
) -> None:
    """Given a reader that says its connection string, When a command reads, Then it is masked."""
    site.install("acme-barrel", type_name="barrel", code=CODE)
    config, target = tmp_path / "from.json", tmp_path / "to.json"
    options = {"connectionString": "Server=cellar;UID=app;PWD=hunter2"}
    config.write_text(
        json.dumps({"dataPlane": {"backplane": {"type": "barrel", "options": options}}})
    )
    target.write_text(
        json.dumps(
            {
                "dataPlane": {
                    "backplane": {"type": "sqlite", "options": {"path": str(tmp_path / "e.db")}}
                }
            }
        )
    )

    ran = run_here(
        *(part.format(config=config, folder=tmp_path, target=target) for part in command)
    )

    assert ran.code == 1
    assert "cannot connect: ***" in ran.out + ran.err
    assert "hunter2" not in ran.out + ran.err
