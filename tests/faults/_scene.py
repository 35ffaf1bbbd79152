"""One run's folder, destination and children, and what they leave."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults._plan import Plan
from tests.faults._processes import Child, Destination

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults._notes import Report

quick = {"initialDelayMs": 50, "maxDelayMs": 500}
quick_breaker = {"failureThreshold": 3, "openMs": 100, "maxOpenMs": 500}


class Scene:
    """A folder with a journal in it, a destination, and the children so far.

    Attributes:
        folder: Where everything is.
        destination: The first destination.
        children: All children, in order of their start.
    """

    def __init__(self, folder: Path) -> None:
        """Start the destination."""
        self.folder = folder
        self.destination = Destination(folder)
        self.children: list[Child] = []

    def options(self, **more: Any) -> dict[str, Any]:
        """Return the section ``dataPlane`` with a disk buffer in this folder, unless told else."""
        buffer = {"type": "disk"} | more.pop("buffer", {})
        if "disk" in buffer.values() or "overflow" in buffer.values():
            buffer["path"] = str(self.folder / "buffer")
        defaults = {
            "retry": quick,
            "breaker": quick_breaker,
            "flushIntervalMs": 20,
        }
        return defaults | more | {"buffer": buffer}

    @property
    def letters_path(self) -> Path:
        """The dead-letter store."""
        return self.folder / "buffer" / "deadletters.db"

    def plan(self, *, options: dict[str, Any] | None = None, **plan: Any) -> Plan:
        """Return a plan for a child in this folder, as ``plan`` says and else the defaults."""
        process = plan.pop("process", f"p{len(self.children)}")
        ports = plan.pop("ports", (self.destination.port,))
        return Plan(
            process=process,
            report=str(self.folder / f"{process}.report"),
            ports=ports,
            state=str(self.folder / "buffer"),
            options=self.options(**(options or {})),
            **plan,
        )

    def start(self, plan: Plan, *, wrapper: Sequence[str] = ()) -> Child:
        """Start a child."""
        child = Child(plan, wrapper=wrapper)
        self.children.append(child)
        return child

    def drain(self, timeout: float = 60.0, **plan: Any) -> Child:
        """Have a successor deliver what is on the disk; return it when it has ended."""
        child = self.start(self.plan(work="drain", **plan))
        child.wait(timeout)
        return child

    @property
    def reports(self) -> list[Report]:
        """What each child told."""
        return [child.report for child in self.children]

    @property
    def journals(self) -> list[Path]:
        """The sub-folders of the disk buffer, one for each process that left something."""
        return sorted(path.parent for path in (self.folder / "buffer").glob("*/*/owner.lock"))

    def copy(self, keep: Path | None) -> None:
        """Copy the folder into ``keep``, if that is a folder."""
        if keep is not None:
            shutil.copytree(self.folder, keep / self.folder.name, dirs_exist_ok=True)

    def letters(self) -> list[dict[str, Any]]:
        """Return the dead letters."""
        if not self.letters_path.exists():
            return []
        with closing(sqlite3.connect(self.letters_path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM dead_letters")]


@contextmanager
def staged(*, keep: Path | None = None) -> Iterator[Scene]:
    """Yield a scene; end all its processes; remove its folder unless it is to be kept.

    Args:
        keep: Copy the folder there when the run fails.
    """
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    scene = Scene(folder)
    try:
        yield scene
    except BaseException:
        scene.copy(keep)
        raise
    finally:
        for child in scene.children:
            child.kill()
        scene.destination.kill()
        shutil.rmtree(folder, ignore_errors=True)
