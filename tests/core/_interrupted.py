"""Interrupts a call at each place where a signal handler can come in, one place in each run.

CPython runs a handler where an instruction has asked for one: after calls, at the beginning of
functions, at the jump that repeats a loop.
"""

from __future__ import annotations

import dis
import sys
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

ASKING = {
    dis.opmap[name]
    for name in ("RESUME", "CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD")
    if name in dis.opmap
}


def places(call: Callable[[], object], *, sparse: bool = False) -> Iterator[Interruption]:
    """Yield what interrupts the call at its 1st place, its 2nd, and so on to its last.

    Args:
        call: What each of them runs.
        sparse: Leave more and more places out, in a call that has thousands.
    """
    place = 0
    while True:
        interruption = Interruption(call, place)
        yield interruption
        if not interruption.happened:
            return
        place += 1 + (place // 12 if sparse else 0)


class Interruption:
    """A call that will be interrupted once.

    Attributes:
        happened: Whether the call had that many places.
    """

    def __init__(self, call: Callable[[], object], place: int) -> None:
        """Interrupt ``call`` at its ``place``-th one, from 0."""
        self.happened = False
        self._call = call
        self._place = place

    def by(self, handler: Callable[[], object]) -> None:
        """Run the call; in the midst of it, run the handler."""
        passed = count()

        def watch(*entered: Any) -> Any:
            before = None

            def step(frame: FrameType, what: str, _: object) -> Any:
                nonlocal before
                frame.f_trace_opcodes = True
                if what == "opcode":
                    if before in ASKING and next(passed) == self._place:
                        sys.settrace(None)
                        self.happened = True
                        handler()
                    before = frame.f_code.co_code[frame.f_lasti]
                return step

            return step(*entered)

        sys.settrace(watch)
        try:
            self._call()
        finally:
            sys.settrace(None)
