"""Hooks of the docs build: the landing page is the README, and no page asks another host."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks")
asked = re.compile(
    r'<(?:script|img|iframe|link rel="(?:stylesheet|preconnect)")[^>]*"https?://[^>]*>'
)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  the hook's signature
    """Return the README as the landing page: its links fit, its picture has the page's colours."""
    if page.file.src_uri != "index.md":
        return markdown
    root = Path(config.config_file_path).parent
    readme = (root / "README.md").read_text("utf-8")
    drawn = re.sub(
        r"^!\[[^\]]*\]\((docs/[^)]*\.svg)\)$",
        lambda picture: f"<div>\n{(root / picture[1]).read_text('utf-8')}</div>",
        readme,
        flags=re.MULTILINE,
    )
    return drawn.replace("](docs/", "](")


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001  the hook's signature
    """Warn, which ends a strict build, where a reader's browser would ask another host."""
    for found in asked.findall(output):
        log.warning("%s asks another host: %s", page.file.src_uri, found)
    return output
