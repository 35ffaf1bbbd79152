"""Noticing that a module is imported."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._gate.late_import import ImportWatch

if TYPE_CHECKING:
    from pathlib import Path


class Listener:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def tell(self) -> None:
        self.told += 1


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module that nobody has imported."""
    name = "imported_late_by_a_test"
    (tmp_path / f"{name}.py").write_text("loaded = True")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_an_import_is_noticed_once(module: str) -> None:
    """Given a watch, When the module is imported twice, Then it is told once, and loaded."""
    listener = Listener()
    before = list(sys.meta_path)
    ImportWatch(module, listener.tell).start()

    loaded = [importlib.import_module(module).loaded for _ in range(2)]

    assert (listener.told, loaded) == (1, [True, True])
    assert sys.meta_path == before


def test_other_imports_are_not_noticed(module: str) -> None:
    """Given a watch, When another module is looked for, Then nothing is told."""
    listener = Listener()
    watch = ImportWatch("another_one", listener.tell)
    watch.start()

    importlib.import_module(module)

    watch.stop()
    assert listener.told == 0


def test_a_stopped_watch_notices_nothing(module: str) -> None:
    """Given a watch that was stopped, also twice, When the module comes, Then nothing is told."""
    listener = Listener()
    watch = ImportWatch(module, listener.tell)
    watch.start()
    watch.stop()
    watch.stop()

    importlib.import_module(module)

    assert listener.told == 0


def test_a_watch_that_is_started_twice_is_there_once(module: str) -> None:
    """Given a watch that goes on, When the module comes, Then it is told once."""
    listener = Listener()
    before = list(sys.meta_path)
    watch = ImportWatch(module, listener.tell)
    watch.start()
    watch.start()

    importlib.import_module(module)

    assert (listener.told, sys.meta_path) == (1, before)


def test_a_listener_that_is_gone_is_not_kept(module: str) -> None:
    """Given a listener that nobody holds, When the module comes, Then it is imported."""
    ImportWatch(module, Listener().tell).start()

    loaded = importlib.import_module(module)

    assert loaded.loaded
