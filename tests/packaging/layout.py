"""Where the distributions and their sources are."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

root = Path(__file__).parents[2]
core = root / "experimentframework_core/src/experimentframework_core"
plugin_names = (
    "experimentframework_kafka",
    "experimentframework_servicebus",
    "experimentframework_sqlserver",
)
distribution_folders = (root, core.parents[1], *(root / name for name in plugin_names))


def project(folder: Path) -> dict[str, Any]:
    """Return the ``project`` table of the folder's pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return table


def module_name(path: Path, source_folder: Path) -> str:
    """Return the dotted name of the module in ``path``."""
    parts = path.relative_to(source_folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def runtime_imports(path: Path, module: str) -> Iterator[str]:
    """Yield the dotted names that a module imports; what only the type checker sees is left out.

    ``from a import b`` yields ``a.b``: b may be a module.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other
                yield from _nodes(other)
            continue
        yield child
        yield from _nodes(child)
