"""On which file system a path is, and whether other machines see it too."""

from __future__ import annotations

import os
import re
from pathlib import Path

_table = Path("/proc/self/mountinfo")
_escape = re.compile(r"\\([0-7]{3})")
_network_families = ("afs", "ceph", "cifs", "gfs", "nfs", "smb")
_network = {
    "9p",
    "acfs",
    "beegfs",
    "blobfuse",
    "blobfuse2",
    "coda",
    "curlftpfs",
    "davfs",
    "davfs2",
    "gcsfuse",
    "glusterfs",
    "goofys",
    "gpfs",
    "juicefs",
    "lustre",
    "mfs",
    "ncp",
    "ncpfs",
    "ocfs2",
    "orangefs",
    "panfs",
    "pvfs2",
    "rclone",
    "s3fs",
    "sshfs",
}


def mount_table() -> str:
    """Return what is mounted, as Linux writes it (proc(5), mountinfo); empty on other systems."""
    try:
        return os.fsdecode(_table.read_bytes())
    except OSError:
        return ""


def network_file_system(path: Path, table: str) -> str | None:
    """Return the type of the network file system that holds ``path``, or None if it is local.

    Args:
        path: A path; what is missing of it is taken to be where its parent is.
        table: What is mounted, see `mount_table`; what it does not show counts as local.
    """
    kind = _file_system(Path(os.path.realpath(path)), table)
    name = kind.removeprefix("fuse.")
    return kind if name in _network or name.startswith(_network_families) else None


def _file_system(path: Path, table: str) -> str:
    deepest, found = 0, ""
    for line in table.split("\n"):
        mount, _, source = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not source:  # noqa: PLR2004 - the fifth is the mount point
            continue
        point = Path(_escape.sub(lambda code: chr(int(code[1], 8)), fields[4]))
        depth = len(point.parts)
        # Of several on one point the last hides the others.
        if depth >= deepest and path.is_relative_to(point):
            deepest, found = depth, source.split(" ")[0]
    return found
