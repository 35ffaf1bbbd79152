"""The examples of the reference page."""

from __future__ import annotations

import re
from pathlib import Path

from experimentframework_core.config import load_text
from experimentframework_core.plugins import find_plugin

_KINDS = ("yaml", "python")
page = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def test_the_examples_of_the_page_work() -> None:
    """Given the page's YAML and Python, When both are used, Then they say the same."""
    text = page.read_text("utf-8")
    in_yaml, in_python = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in _KINDS)
    said: dict[str, object] = {}

    exec(in_python[0], said)  # noqa: S102 - the page's own code
    loaded = load_text(in_yaml[0], find_plugin=find_plugin).data_plane

    assert loaded == said["options"]
