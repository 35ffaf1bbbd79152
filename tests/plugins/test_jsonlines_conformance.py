"""The conformance kit, run on a plugin that is not one of the project's distributions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experimentframework_core.testing import BackplaneConformance, full_disk
from experimentframework_jsonlines import JsonLinesOptions, plugin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from experimentframework_core.envelope import Record


class TestJsonLines(BackplaneConformance[JsonLinesOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self, tmp_path: Path) -> JsonLinesOptions:
        return JsonLinesOptions(path=str(tmp_path / "events.jsonl"))

    def unreachable(self, options: JsonLinesOptions) -> JsonLinesOptions:
        return JsonLinesOptions(path=f"{options.path}/no-folder/events.jsonl")

    def cut_short(
        self, options: JsonLinesOptions, batch: Sequence[Record]
    ) -> AbstractAsyncContextManager[None]:
        return full_disk(options.path, room=len(batch[0].body) + 100)

    async def plant(self, options: JsonLinesOptions, body: bytes) -> bool:
        path = Path(options.path)
        path.write_bytes(path.read_bytes() + body + b"\n")
        return True
