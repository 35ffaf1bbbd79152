"""A hook of the docs build: the landing page is the README, its picture in the page's colours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  the hook's signature
    """Return the README, its links made relative to the docs folder, as the landing page."""
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
