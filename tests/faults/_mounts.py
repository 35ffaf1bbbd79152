"""Small file systems in memory, for those who may mount them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path


def mount(*arguments: str) -> None:
    """Mount, or mount anew, as the command of that name does."""
    subprocess.run(_command(*arguments), check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """Unmount what is mounted there, once nobody uses it any longer."""
    subprocess.run([shutil.which("umount") or "umount", "--lazy", str(folder)], check=True)


@cache
def why_not() -> str | None:
    """Return why nothing can be mounted here; None when something can."""
    with tempfile.TemporaryDirectory() as folder:
        command = _command("-t", "tmpfs", "none", folder)
        tried = subprocess.run(command, check=False, capture_output=True, text=True)
        if tried.returncode == 0:
            unmount(Path(folder))
            return None
    return tried.stderr.strip() or "mounting is not permitted here"


def _command(*arguments: str) -> list[str]:
    return [shutil.which("mount") or "mount", *arguments]
