"""Lets system calls of a child fail, or kill it, by strace where that is installed."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

syncs = "fdatasync,fsync"


def failing(how: str, calls: str = syncs) -> list[str]:
    """Return the command to put before a program so that its ``calls`` end as ``how`` says."""
    # At the stops of seccomp the kernel takes no signal; without it every call is slow.
    fast = () if how.startswith("signal=") else ("--seccomp-bpf",)
    return [
        "strace", "-D", "-f", "-qq", *fast, "-o", "/dev/null",
        "-e", f"trace={calls}", "-e", f"inject={calls}:{how}",
    ]  # fmt: skip


@cache
def why_not() -> str | None:
    """Return why system calls cannot be made to fail here; None when they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        [*failing("error=EIO", "uname"), "true"], capture_output=True, text=True, check=False
    )
    return tried.stderr.strip() or "strace may not trace here" if tried.returncode else None
