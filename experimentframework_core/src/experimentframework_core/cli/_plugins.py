"""`plugins`: what is installed, and whether it can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from experimentframework_core.cli._output import OK, JsonOption, print_json, say, show_table, table
from experimentframework_core.plugins import installed_plugins

if TYPE_CHECKING:
    from experimentframework_core.plugins import InstalledPlugin


def plugins(*, as_json: JsonOption = False) -> int:
    """List the installed backplane types: who offers them, what they guarantee, their state."""
    found = installed_plugins()
    if as_json:
        print_json({"plugins": [_document(each) for each in found]})
        return OK
    show_table(
        table(
            "Type",
            "Distribution",
            "Version",
            "Features",
            "State",
            rows=[_row(each) for each in found],
        )
    )
    for each in found:
        if each.error:
            say(f"{each.type}: {each.error}")
    return OK


def _row(found: InstalledPlugin) -> tuple[str, ...]:
    features = ", ".join(name.replace("_", " ") for name in _features(found)) or "-"
    state = "broken" if found.error else "ok"
    return found.type, found.distribution, found.version, features, state


def _document(found: InstalledPlugin) -> dict[str, Any]:
    return {
        "type": found.type,
        "distribution": found.distribution,
        "version": found.version,
        "features": _features(found),
        "state": "broken" if found.error else "ok",
        "error": found.error,
    }


def _features(found: InstalledPlugin) -> list[str]:
    if found.plugin is None:
        return []
    return [name for name, has in msgspec.structs.asdict(found.plugin.features).items() if has]
