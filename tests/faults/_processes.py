"""The parent's side: destinations and children as processes, started, told, killed and awaited."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tests.faults._destination import Manner
from tests.faults._notes import Report, read_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from tests.faults._plan import Plan

root = Path(__file__).parents[2]


class ProcessFailedError(Exception):
    """A process ended, or did not answer in time; the message carries what it wrote."""


class Program:
    """A Python program of this package with which lines are exchanged."""

    def __init__(
        self,
        arguments: Sequence[str],
        errors: Path,
        *,
        wrapper: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; what it writes to its standard error goes to the file ``errors``.

        Args:
            arguments: The module and what it is called with.
            errors: The file.
            wrapper: The command that starts the program, if it does not start by itself.
            environment: Variables beside those of this process.
        """
        self._errors = errors
        with errors.open("ab") as file:
            self._process = subprocess.Popen(
                [*wrapper, sys.executable, "-m", *arguments],
                cwd=root,
                env=os.environ | dict(environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                bufsize=1,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def tell(self, line: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self, timeout: float = 30.0) -> str:
        """Return its next line.

        Raises:
            ProcessFailedError: It ended, or none came in time.
        """
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise self._failed(f"said nothing for {timeout:g} s")
        if not (text := self._process.stdout.readline()):
            raise self._failed("ended")
        return text.strip()

    def ask(self, line: str, timeout: float = 30.0) -> str:
        """Write a line and return the answer."""
        self.tell(line)
        return self.hear(timeout)

    @property
    def said(self) -> str:
        """The end of what it wrote to its standard error."""
        return self._errors.read_text(encoding="utf-8", errors="replace")[-4000:]

    def _failed(self, what: str) -> ProcessFailedError:
        return ProcessFailedError(f"{self._process.args!r} {what}:\n{self.said}")

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill it, by SIGKILL, and wait for its end."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def died(self, timeout: float) -> bool:
        """Tell whether it ends by SIGKILL within ``timeout`` seconds; else kill it if it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process.wait(timeout) not in {0, -signal.SIGKILL}:
                raise self._failed(f"ended with {self._process.returncode}")
        died = self._process.returncode == -signal.SIGKILL
        self.kill()
        return died

    def wait(self, timeout: float = 60.0, *, good: Sequence[int] = (0,)) -> int:
        """Wait for its end; return its code.

        Raises:
            ProcessFailedError: It does not end in time, or with a code that is not ``good``.
        """
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failed(f"did not end within {timeout:g} s") from None
        self._close_pipes()
        if code not in good:
            raise self._failed(f"ended with {code}")
        return code

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Kill it if it still runs."""
        self.kill()


class Destination(Program):
    """A destination under the test's control.

    Attributes:
        log: What it received.
        port: Where it listens.
    """

    def __init__(self, folder: Path, name: str = "destination") -> None:
        """Start it in ``folder``; it is up."""
        self.log = folder / f"{name}.log"
        arguments = ("tests.faults._destination", str(self.log))
        super().__init__(arguments, folder / f"{name}.err")
        self.port = int(self.hear())

    def behave(self, **manner: Any) -> float:
        """Have it behave like that from now on; return when that began, on the monotonic clock."""
        self.ask(msgspec.json.encode(Manner(**manner)).decode())
        return monotonic()


class Child(Program):
    """A child with its plan.

    Attributes:
        plan: The plan.
    """

    def __init__(self, plan: Plan, *, wrapper: Sequence[str] = ()) -> None:
        """Start it."""
        self.plan = plan
        argument = msgspec.json.encode(plan).decode()
        errors = Path(plan.report).with_suffix(".err")
        super().__init__(("tests.faults._child", argument), errors, wrapper=wrapper)

    @property
    def report(self) -> Report:
        """What it has told so far."""
        return read_report(Path(self.plan.report))
