"""The conformance kit, run on a plugin that is not one of the project's distributions."""

from __future__ import annotations

from pathlib import Path

import pytest

from experimentframework_core.testing import BackplaneConformance
from experimentframework_jsonlines import JsonLinesOptions, plugin


class TestJsonLines(BackplaneConformance[JsonLinesOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self, tmp_path: Path) -> JsonLinesOptions:
        return JsonLinesOptions(path=str(tmp_path / "events.jsonl"))

    def unreachable(self, options: JsonLinesOptions) -> JsonLinesOptions:
        return JsonLinesOptions(path=f"{options.path}/no-folder/events.jsonl")

    async def plant(self, options: JsonLinesOptions, body: bytes) -> bool:
        path = Path(options.path)
        path.write_bytes(path.read_bytes() + body + b"\n")
        return True
