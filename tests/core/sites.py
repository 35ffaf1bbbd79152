"""Distributions that a test puts beside the installed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GOOD_PLUGIN = """
from contextlib import asynccontextmanager

from experimentframework_core.plugin import BackplanePlugin, ChannelSettings


@asynccontextmanager
async def open_nothing(options, context):
    yield None


plugin = BackplanePlugin(type="{type}", options=ChannelSettings, open=open_nothing)
"""


class Site:
    """A folder on ``sys.path`` into which a test puts distributions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(
        self,
        name: str,
        *,
        type_name: str,
        code: str = GOOD_PLUGIN,
        version: str = "1.2.3",
        group: str = "experimentframework.backplanes",
    ) -> str:
        """Put a distribution there that claims one type, and return its module."""
        module = name.replace("-", "_")
        (self._folder / f"{module}.py").write_text(code.replace("{type}", type_name))
        info = self._folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{type_name} = {module}:plugin\n")
        return module
