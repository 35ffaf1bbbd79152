"""Imports in the core point only downward, and plugins see only its public modules."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from tests.packaging.layout import core, module_name, plugin_names, root, runtime_imports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

layers = (
    ("__init__",),
    ("cli",),
    ("testing",),
    ("sync",),
    ("web",),
    ("replay",),
    ("_replay",),
    ("consuming", "plane"),
    ("exposure", "_requeue"),
    ("_exposure", "_plane"),
    ("_export",),
    ("_reading",),
    ("arrow",),
    ("_columns",),
    ("_gate",),
    ("backplanes",),
    ("_channel",),
    ("metrics",),
    ("_metrics",),
    ("_disk",),
    ("_rules",),
    ("deadletter",),
    ("_letters",),
    ("plugins",),
    ("config",),
    ("extensions",),
    ("extension",),
    ("_discreet",),
    ("plugin",),
    ("broker_letters",),
    ("destinations",),
    ("tracing",),
    ("cloudevents",),
    ("_cloudevents",),
    ("resuming",),
    ("codec",),
    ("_codec",),
    ("schemas",),
    ("compatibility",),
    ("_compatibility",),
    ("envelope",),
    ("events",),
    ("status",),
    ("_hiding",),
    ("units",),
    ("_sqlite",),
    ("_portal",),
    ("_threadsafe",),
    ("_pausing",),
    (
        "_entry_points",
        "_failpoints",
        "_log",
        "_new_thread",
        "_own_thread",
        "_paths",
        "_syncing",
        "_tasks",
        "_traceparent",
    ),
    ("errors",),
)
"""From top to bottom. A module imports only from lines below its own; a package is one unit."""

depth = {name: line for line, names in enumerate(layers) for name in names}
sources = sorted(core.rglob("*.py"))


def unit(module: str) -> str:
    """Return the module or package of the core to which a dotted name belongs."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in depth else "__init__"


def core_imports(path: Path) -> Iterator[str]:
    """Yield what a file of the core imports from the core."""
    module = module_name(path, core.parent)
    for name in runtime_imports(path, module):
        if name.split(".")[0] == core.name:
            yield name


def test_every_module_has_its_line() -> None:
    """Given the core's files, When each is looked up in the layers, Then none is missing."""
    units = {path.relative_to(core).parts[0].removesuffix(".py") for path in sources}

    missing = units - depth.keys()

    assert not missing, f"put {sorted(missing)} into `layers`, above all that they import"


@pytest.mark.parametrize("path", sources, ids=lambda path: module_name(path, core.parent))
def test_imports_point_downward(path: Path) -> None:
    """Given a core module, When its imports are read, Then each comes from a lower layer."""
    own = unit(module_name(path, core.parent))

    imported = {unit(name) for name in core_imports(path)} - {own}

    upward = sorted(name for name in imported if depth[name] <= depth[own])
    assert not upward, f"{own} may not import {upward}"


@pytest.mark.parametrize("path", sources, ids=lambda path: module_name(path, core.parent))
def test_private_modules_stay_in_their_package(path: Path) -> None:
    """Given a core module, When it imports a package's `_private` module, Then it lives there."""
    package = path.parent.relative_to(core.parent).as_posix().replace("/", ".")

    foreign = [name for name in core_imports(path) if not _may_see(package, name)]

    assert not foreign, f"{path.name} reaches into {foreign}"


def _may_see(package: str, name: str) -> bool:
    parts = name.split(".")
    first = next((i for i, part in enumerate(parts) if part.startswith("_")), 0)
    return f"{package}.".startswith(".".join([*parts[:first], ""]))


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in (
            *(root / name for name in plugin_names),
            root / "tests/plugins",
            root / "docs/examples/plugins",
        )
        for path in sorted(folder.glob("**/src/**/*.py"))
    ],
    ids=lambda path: module_name(path, path.parents[1]),
)
def test_plugins_see_only_public_core_modules(path: Path) -> None:
    """Given a module of a plugin, When its imports are read, Then none is private to the core."""
    imported = [name for name in runtime_imports(path, "plugin") if name.split(".")[0] == core.name]

    private = [name for name in imported if any(part.startswith("_") for part in name.split("."))]

    assert not private, f"{path.name} imports {private}"


@pytest.mark.parametrize("plugin", plugin_names)
def test_folders_of_a_plugin_import_one_way(plugin: str) -> None:
    """Given a plugin's folders and modules, When imports are followed, Then none leads back."""
    source = root / plugin / "src" / plugin
    imported: dict[str, set[str]] = {}

    for path in source.rglob("*.py"):
        own = path.relative_to(source).parts[0].removesuffix(".py")
        names = runtime_imports(path, module_name(path, source.parent))
        units = {name.split(".")[1] for name in names if name.startswith(f"{plugin}.")}
        imported.setdefault(own, set()).update(units - {own})

    assert len(imported) > 1
    TopologicalSorter(imported).prepare()  # A cycle is an error, which names it.


def test_one_module_creates_tasks() -> None:
    """Given the core without its test tools, When task creation is looked for, Then one has it."""
    creating = re.compile(r"\b(create_task|ensure_future|TaskGroup|create_task_group)\(")

    found = [
        path.relative_to(core).as_posix()
        for path in sources
        if creating.search(path.read_text()) and "testing" not in path.parts
    ]

    assert found == ["_tasks.py"]
