"""The options of the type ``jsonLines``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from experimentframework_core.plugin import ChannelSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


class JsonLinesOptions(ChannelSettings, frozen=True, kw_only=True):
    """Where the lines go, and which events stay in order.

    Attributes:
        path: The file; it is made where it is missing. Its name ends in ``.jsonl``.
        order_by: Whose events stay in order when several lanes write.
    """

    path: str
    order_by: Literal["subject", "experiment"] = "subject"


def check(options: JsonLinesOptions) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the options."""
    if not options.path.endswith(".jsonl"):
        yield "path", f"the file's name must end in .jsonl, not as in {options.path!r}"
