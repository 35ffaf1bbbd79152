"""Where the command `experimentframework` begins: Ctrl-C ends it quietly while it is loaded.

It stands beside the package because that takes a moment to be imported.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line; see `experimentframework_core.cli.main`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from experimentframework_core.cli import main as run

    run()


def loaded() -> None:
    """Have Ctrl-C raise KeyboardInterrupt from here on: there may be something to finish."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
