"""Every block of YAML in the documentation, and every example file, is a good configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import experimentframework_jsonlines
import experimentframework_lake
import experimentframework_postgresql
from experimentframework_core.config import (
    Configuration,
    load_file,
    load_text,
    read_configuration,
)
from experimentframework_core.plugins import find_plugin
from tests.docs.pages import Block, all_blocks, blocks_of, docs, write_files
from tests.packaging.layout import root

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.plugin import BackplanePlugin


def written_on(page: Path) -> BackplanePlugin[Any]:
    """Return the plugin whose module a page shows."""
    (code,) = (
        block.code
        for block in blocks_of(page, "python")
        if "plugin = BackplanePlugin" in block.code
    )
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(code, namespace)  # noqa: S102 - the documentation's own code
    plugin: BackplanePlugin[Any] = namespace["plugin"]
    return plugin


examples: tuple[BackplanePlugin[Any], ...] = (
    experimentframework_jsonlines.plugin,
    experimentframework_lake.plugin,
    experimentframework_postgresql.plugin,
    written_on(docs / "how-to/write-a-backplane.md"),
)
"""The plugins that pages show, which are not installed here."""


def find(type_name: str) -> BackplanePlugin[Any]:
    """Return the plugin of a type."""
    shown = {plugin.type: plugin for plugin in examples}
    return shown.get(type_name) or find_plugin(type_name)


together = {block.page for block in all_blocks("yaml") if "configurationPaths:" in block.code}
"""The pages whose files name each other: they are loaded as one."""

alone = [block for block in all_blocks("yaml") if block.page not in together or not block.file]


@pytest.mark.parametrize("block", alone, ids=str)
def test_a_block_is_a_good_configuration(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a block of YAML, When it is loaded, Then it has no problem."""
    monkeypatch.setenv("REDACTION_KEY", "a key")

    configuration = load_text(block.code, find_plugin=find)

    assert configuration != Configuration()


@pytest.mark.parametrize("page", sorted(together))
def test_the_files_of_a_page_are_a_good_configuration(page: str, tmp_path: Path) -> None:
    """Given files that name each other, When the first is loaded, Then there is no problem."""
    write_files(root / page, tmp_path)

    loaded = read_configuration(tmp_path / "experiments.yaml", find)

    assert [problem for problem in loaded.problems if problem.severity != "information"] == []
    assert len(loaded.files) > 1


configurations = [
    file
    for file in sorted((docs / "examples").rglob("*.yaml"))
    if re.search(r"^(experimentFramework|dataPlane):", file.read_text("utf-8"), re.MULTILINE)
]
"""The example files that are configurations, not those of other programs."""


@pytest.mark.parametrize(
    "file", configurations, ids=lambda file: str(file.relative_to(docs / "examples"))
)
def test_an_example_is_a_good_configuration(file: Path) -> None:
    """Given an example file, When it is loaded, Then it has no problem."""
    configuration = load_file(file, find_plugin)

    assert configuration != Configuration()
