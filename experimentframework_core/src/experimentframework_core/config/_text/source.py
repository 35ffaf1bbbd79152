"""Reads a YAML or JSON document into a tree in which everything knows its line and column."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from experimentframework_core.config._text.refusals import too_many_nodes
from experimentframework_core.config._tree import Place

if TYPE_CHECKING:
    from experimentframework_core.config._problems.report import Report
    from experimentframework_core.config._tree import Node

MOST_BYTES = 1024 * 1024
MOST_NODES = 20_000
MOST_LINES = 25_000
DEEPEST = 64

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_LINE_END = re.compile("\r\n|[\r\n]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_COMMENT = re.compile(r"(?:^|[ \t])#.*+", re.MULTILINE)
_KEY = re.compile(r"^[ \t]*+(?:-[ \t]++)*+[\w.\"'][\w.\"'-]*+:(?=\s)", re.MULTILINE)
_ITEM = re.compile(r"^[ \t]*+-[ \t]", re.MULTILINE)


def is_json(name: str) -> bool:
    """Tell whether a file of this name holds JSON: it ends in ``.json``."""
    return name.lower().endswith(".json")


def read(source: bytes | str, report: Report) -> Node | None:
    """Return the tree of ``source``; None after a problem that leaves nothing to check.

    The name in ``report`` says whether it is JSON. Duplicate keys, tags and the like are noted
    there and passed over.
    """
    text = _decode(source, report)
    if text is None:
        return None
    if is_json(report.file or ""):
        from experimentframework_core.config._text.json_text import build
    else:
        from experimentframework_core.config._text.yaml_text import build
    return build(text, report, most_nodes=MOST_NODES, deepest=DEEPEST)


def _decode(source: bytes | str, report: Report) -> str | None:
    """Return the text if it is UTF-8, printable and of bearable size; note the problem if not."""
    if len(source) > MOST_BYTES:
        report.add("", None, "too large; expected at most 1 MiB")
        return None
    try:
        text = source if isinstance(source, str) else source.decode()
    except UnicodeDecodeError as error:
        expected = "expected UTF-8 text"
        if error.object[:2] in _UTF_16:
            expected = "it is UTF-16, save it as UTF-8"
        place = _end(error.object[: error.start].decode())
        report.add("", place, f"not UTF-8 at byte offset {error.start}; {expected}")
        return None
    if forbidden := _FORBIDDEN.search(text):
        before = text[: forbidden.start()]
        offset = len(before.encode(errors="surrogatepass"))
        code = f"U+{ord(forbidden[0]):04X}"
        message = f"character {code} at byte offset {offset}; expected printable text"
        report.add("", _end(before), message)
        return None
    if not is_json(report.file or "") and (why := _why_too_large(text)):
        report.add("", None, why)
        return None
    return text.removeprefix("\ufeff")


def _end(text: str) -> Place:
    """Return the place behind ``text``."""
    *lines, last = _LINE_END.split(text.removeprefix("\ufeff"))
    return Place(len(lines) + 1, len(last) + 1)


def _why_too_large(text: str) -> str | None:
    """Say what there is too much of in a text of YAML, which takes long to read."""
    if text.count("\n") > MOST_LINES:
        return f"too large; expected at most {MOST_LINES:,} lines"
    return too_many_nodes(MOST_NODES) if _least_nodes(text) > MOST_NODES else None


def _least_nodes(text: str) -> int:
    """Count what looks like a node of YAML: far cheaper than a scan, so that it is refused fast."""
    text = _COMMENT.sub("", text)
    return 2 * len(_KEY.findall(text)) + len(_ITEM.findall(text)) + text.count(",")
