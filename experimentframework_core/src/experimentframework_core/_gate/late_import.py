"""Notices that a module is imported, at no cost to anything but imports."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable


class ImportWatch:
    """Calls a method when a module is looked for, in the thread that is about to import it.

    It is a finder that finds nothing, and stops to watch then. The method's object is held weakly.
    """

    def __init__(self, module: str, notice: Callable[[], None]) -> None:
        """Watch for ``module``; `start` begins.

        Args:
            module: Its dotted name.
            notice: A bound method. It must not import the module, which is not there yet.
        """
        self._module = module
        self._notice = WeakMethod(notice)

    def start(self) -> None:
        """Begin to watch, or go on."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Watch no longer."""
        with suppress(ValueError):
            sys.meta_path.remove(self)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Find nothing, whatever is looked for."""
        if name == self._module:
            self.stop()
            notice = self._notice()
            if notice is not None:
                notice()
