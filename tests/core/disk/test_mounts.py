"""Network file systems are found by the deepest mount that holds the path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experimentframework_core._disk.mounts import mount_table, network_file_system


def line(point: str, kind: str) -> str:
    return f"36 35 98:0 / {point} rw,noatime shared:1 master:2 - {kind} source rw\n"


@pytest.mark.parametrize(
    "kind",
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "fuse.glusterfs",
        "lustre",
        "fuse.sshfs",
    ],
)
def test_a_network_file_system_is_named(kind: str) -> None:
    """Given a mount from another machine, When a path below it is asked for, Then it is named."""
    table = line("/", "ext4") + line("/data", kind)

    found = network_file_system(Path("/data/journals/kafka"), table)

    assert found == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "fuse.mergerfs"])
def test_a_local_file_system_is_none(kind: str) -> None:
    """Given a local mount, When a path below it is asked for, Then there is nothing to name."""
    table = line("/", "nfs4") + line("/data", kind)

    found = network_file_system(Path("/data/journals"), table)

    assert found is None


def test_the_deepest_mount_counts_in_any_order() -> None:
    """Given mounts in each other, When the innermost comes first, Then it still counts."""
    table = line("/data/far", "nfs4") + line("/data", "ext4") + line("/", "ext4")

    found = network_file_system(Path("/data/far/journals"), table)

    assert found == "nfs4"


def test_a_name_with_the_same_beginning_is_another_folder() -> None:
    """Given a network mount, When its neighbour begins alike, Then the neighbour is local."""
    table = line("/", "ext4") + line("/data", "nfs4")

    found = network_file_system(Path("/database"), table)

    assert found is None


def test_the_last_of_two_mounts_on_one_point_counts() -> None:
    """Given a mount over another, When the path is asked for, Then the visible one counts."""
    table = line("/data", "ext4") + line("/data", "nfs4")

    found = network_file_system(Path("/data"), table)

    assert found == "nfs4"


def test_escapes_are_read() -> None:
    r"""Given a mount point with a space and a backslash, When read, Then \040 and \134 are they."""
    table = line("/", "ext4") + line(r"/my\040data\134x", "cifs")

    found = network_file_system(Path("/my data\\x/journals"), table)

    assert found == "cifs"


def test_a_link_is_followed(tmp_path: Path) -> None:
    """Given a link into a network mount, When a path by it is asked for, Then it is found."""
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    table = line("/", "ext4") + line(os.path.realpath(tmp_path / "far"), "nfs4")

    found = network_file_system(tmp_path / "near" / "journals", table)

    assert found == "nfs4"


@pytest.mark.parametrize("table", ["", "\n", "no mounts", "1 2 3 / /x rw", " - nfs4 x rw"])
def test_what_is_no_mount_table_says_nothing(table: str) -> None:
    """Given another text, When a path is asked for, Then it counts as local."""
    assert network_file_system(Path("/x/y"), table) is None


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="this is no Linux")
def test_linux_says_what_is_mounted() -> None:
    """Given Linux, When the mounts are read, Then the root or more is among them."""
    assert " - " in mount_table()
