"""Writes the tables of options into the pages of the reference.

``python -m tests.docs.write_reference`` writes what stands between a page's marks. The one above is
``<!-- KIND of WHAT -->``, with a kind of `_MAKERS`, as in ``<!-- options of kafka -->``; the one
below is ``<!-- end -->``. What is around them is written by hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from experimentframework_core._columns import COLUMNS
from experimentframework_core.arrow import schema
from experimentframework_core.backplanes._otel.attributes import ENVELOPE, EVERY_TYPE, OTHERS, OWN
from experimentframework_core.config import Configuration
from experimentframework_core.config._files.sections import ROOTS
from experimentframework_core.config._walk.field_types import fields_of
from experimentframework_core.metrics import METRICS
from experimentframework_core.plugins import installed_plugins
from tests.docs import event_tables
from tests.docs.option_tables import (
    Section,
    is_inherited,
    sections_of,
    shown_fields,
    table,
    with_heading,
)
from tests.docs.pages import docs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from experimentframework_core.plugin import BackplanePlugin, ChannelSettings

COMMAND = "python -m tests.docs.write_reference"
REFERENCE = docs / "reference"
PAGES = sorted(REFERENCE.rglob("*.md"))

_MARKED = re.compile(
    r"(?P<begin><!-- (?P<kind>(?!end)\w+)(?: of (?P<what>\w+))? -->\n)"
    r".*?(?P<end><!-- end -->\n)",
    re.DOTALL,
)
_KINDS = {
    "counter": "counter",
    "upDownCounter": "up-down counter, in Prometheus a gauge",
    "gauge": "gauge",
    "histogram": "histogram",
}
_DISTRIBUTIONS = "experimentframework-"
_OF_EVERY_TYPE = """\
## `dataPlane.backplane.options`

What a backplane takes depends on its `type`. Beside these, each takes `batchSize`, `batchBytes`,
`flushIntervalMs` and `concurrency`; see [which setting wins](#which-setting-wins).

| type | options |
|---|---|
"""
_SETTINGS = {"events": "configuration.md", "experiments": "experiments.md"}
_CHANNEL = "../configuration.md#which-setting-wins"


def plugins() -> dict[str, BackplanePlugin[Any]]:
    """Return the backplane types of this project, by name."""
    return {
        found.type: found.plugin
        for found in installed_plugins()
        if found.plugin is not None and found.distribution.startswith(_DISTRIBUTIONS)
    }


def page_of(type_name: str) -> Path | None:
    """Return the page with the options of a backplane type."""
    mark = f"<!-- options of {type_name} -->"
    return next((page for page in PAGES if mark in page.read_text("utf-8")), None)


def renewed(text: str) -> str:
    """Return a page's text with the tables that its marks ask for."""
    return _MARKED.sub(_made, text)


def _made(mark: re.Match[str]) -> str:
    """Return what stands at a mark; a kind that is not known here is another command's."""
    make = _MAKERS.get(mark["kind"])
    return f"{mark['begin']}\n{make(mark['what'])}\n{mark['end']}" if make else mark[0]


def _columns(_: str) -> str:
    rows = ["| column | type | holds |\n|---|---|---|\n"]
    for column in COLUMNS:
        null = ", never null" if column.required else ""
        kind = schema.field(column.name).type
        rows.append(f"| `{column.name}` | {kind}{null} | {column.means} |\n")
    return "".join(rows)


def _metrics(_: str) -> str:
    rows = ["| metric | kind | unit | attributes | tells |\n|---|---|---|---|---|\n"]
    for metric in METRICS:
        names = f"`{metric.name}`<br>`{metric.prometheus_name}`"
        attributes = ", ".join(f"`{each}`" for each in metric.attributes)
        kind = _KINDS[metric.kind]
        rows.append(
            f"| {names} | {kind} | `{metric.unit}` | {attributes} | {metric.description} |\n"
        )
    return "".join(rows)


def _attributes(_: str) -> str:
    parts = [
        ("every event", ENVELOPE, ""),
        ("every payload that has the field", EVERY_TYPE, "payload."),
        *((f"`{name}`", names, "payload.") for name, names in OWN.items()),
        ("every other field of a payload", {"*": f"{OTHERS}.*"}, "payload."),
    ]
    rows = ["| of | field | attribute |\n|---|---|---|\n"]
    for whose, names, where in parts:
        for field, attribute in names.items():
            rows.append(f"| {whose} | `{where}{field}` | `{attribute}` |\n")
    return "".join(rows)


def _settings(what: str) -> str:
    sections = sections_of(Configuration, ROOTS[0], within="")
    linked = [_on_page(each, _SETTINGS[what]) for each in sections]
    parts = [with_heading(each, linked, 2) for each in linked if not each.page]
    return "\n".join([*parts, *([_of_every_type()] if what == "events" else [])])


def _on_page(section: Section, page: str) -> Section:
    """Return a section with the page that has it, where that is not ``page``."""
    of_events = section.path.partition(".")[0] in (ROOTS[0], "dataPlane")
    own = _SETTINGS["events" if of_events else "experiments"]
    return section._replace(page="" if own == page else own)


def _of_every_type() -> str:
    rows = [_OF_EVERY_TYPE]
    for name, plugin in plugins().items():
        page = page_of(name)
        link = f"[`{name}`]({page.relative_to(REFERENCE)})" if page else f"`{name}`"
        keys = ", ".join(f"`{each.encode_name}`" for each in shown_fields(plugin.options))
        rows.append(f"| {link} | {keys} |\n")
    return "".join(rows)


def _options(type_name: str) -> str:
    options: type[ChannelSettings] = plugins()[type_name].options
    own, *inner = sections = sections_of(options, "options", within="options.")
    fields = fields_of(options)
    also = [f"`{each.encode_name}`" for each in fields if is_inherited(options, each)]
    channel = f"Also {', '.join(also)}: [settings of the channel]({_CHANNEL}).\n" if also else ""
    parts = [table(own, sections), channel, *(with_heading(each, sections, 3) for each in inner)]
    return "\n".join(part for part in parts if part)


_MAKERS: dict[str, Callable[[str], str]] = {
    "attributes": _attributes,
    "columns": _columns,
    "fields": event_tables.fields,
    "metrics": _metrics,
    "options": _options,
    "settings": _settings,
}
"""What makes the tables of a kind, from what they are of."""


def main() -> None:
    """Renew the pages."""
    for page in PAGES:
        text = page.read_text("utf-8")
        if renewed(text) != text:
            page.write_text(renewed(text), "utf-8")
            print(page)  # noqa: T201 - says what it did


if __name__ == "__main__":
    main()
