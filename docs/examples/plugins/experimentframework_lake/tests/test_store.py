"""The file systems behind a URL, and what their errors mean."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.units import Secret
from experimentframework_lake import LakeOptions, _store
from experimentframework_lake._store import Store


class NoCredentialsError(Exception):
    """As botocore's, which is no OSError."""

    __module__ = "botocore.exceptions"


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    """Return an open store on a disk."""
    store = Store(LakeOptions(url=f"file://{tmp_path}/lake"))
    store.open(make=True)
    return store


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return an open store whose file system counts as an object store."""
    options = LakeOptions(url=f"memory://{uuid4()}", secret_options={"token": Secret("s3cr3t")})
    store = Store(options)
    store.open(make=True)
    monkeypatch.setattr(_store, "_BUCKETS", {"memory"})
    return store


def test_what_is_put_is_there(disk: Store) -> None:
    """Given an object, When it is put, Then it is listed with its time and can be got."""
    disk.put("type=exposure/a.ndjson", b"{}\n")

    (stored,) = disk.objects()

    assert stored.name == "type=exposure/a.ndjson"
    assert stored.written > 1_700_000_000_000_000
    assert disk.get(stored.name) == b"{}\n"


def test_an_object_is_replaced_whole(disk: Store, tmp_path: Path) -> None:
    """Given an object, When it is put again, Then there is one, and nothing unfinished."""
    disk.put("a.ndjson", b"a longer one\n")

    disk.put("a.ndjson", b"new\n")

    assert [path.name for path in (tmp_path / "lake").iterdir()] == ["a.ndjson"]
    assert disk.get("a.ndjson") == b"new\n"


def test_what_is_no_object_is_left_alone(disk: Store, tmp_path: Path) -> None:
    """Given other files in the folder, When it is listed, Then they are no objects."""
    for name in (".a.ndjson.tmp", ".b.ndjson", "_c.ndjson", "README.md"):
        (tmp_path / "lake" / name).write_bytes(b"")

    assert disk.objects() == []


def test_an_object_that_was_removed_is_none(disk: Store) -> None:
    """Given an object that somebody removed, When it is got, Then there is none."""
    assert disk.get("a.ndjson") is None


def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    """Given no folder, When it is opened to be read, Then it is not made, and that is said."""
    store = Store(LakeOptions(url=f"file://{tmp_path}/lake"))

    with pytest.raises(UnavailableError, match=r"cannot list file://.*: the bucket or folder"):
        store.open(make=False)

    assert not (tmp_path / "lake").exists()


def test_a_disk_that_refuses_is_unavailable(
    disk: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a folder without rights, When an object is put, Then somebody must change something."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(UnavailableError, match="access is refused"):
        disk.put("a.ndjson", b"")


def test_a_full_disk_is_transient(
    disk: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a full disk, When an object is put, Then the same is tried again, nothing is left."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)

    with pytest.raises(TransientError, match="No space left") as raised:
        disk.put("a.ndjson", b"")

    assert not isinstance(raised.value, UnavailableError)
    assert list((tmp_path / "lake").iterdir()) == []


def test_a_file_as_the_url_is_unavailable(tmp_path: Path) -> None:
    """Given a file where the folder should be, When it is opened, Then the URL is to be seen to."""
    (tmp_path / "events.ndjson").write_bytes(b"mine")
    store = Store(LakeOptions(url=f"file://{tmp_path}/events.ndjson"))

    with pytest.raises(UnavailableError, match="a file stands where a folder should; see url"):
        store.open(make=True)


def test_a_bucket_is_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a bucket that is missing, When the store is opened, Then it is not made."""
    monkeypatch.setattr(_store, "_BUCKETS", {"memory"})
    made: list[str] = []
    monkeypatch.setattr(MemoryFileSystem, "makedirs", lambda _, path, **__: made.append(path))

    with pytest.raises(UnavailableError, match="the bucket or folder is missing"):
        Store(LakeOptions(url=f"memory://{uuid4()}/events")).open(make=True)

    assert made == []


def test_an_object_store_gets_one_request(bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an object store, When an object is put, Then it is written at once under its name."""
    written: list[str] = []
    monkeypatch.setattr(
        MemoryFileSystem, "pipe_file", lambda _, path, data, **__: written.append(path)
    )

    bucket.put("date=2026-11-28/a.ndjson", b"")

    assert [path.rpartition("/")[2] for path in written] == ["a.ndjson"]


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (FileNotFoundError("The specified bucket does not exist"), True),
        (PermissionError("Forbidden"), True),
        (NoCredentialsError("Unable to locate credentials"), True),
        (OSError("SlowDown"), False),
        (TimeoutError(), False),
        (RuntimeError("a class that nobody has thought of"), False),
    ],
)
def test_what_a_store_raises_blames_no_event(
    bucket: Store, error: Exception, monkeypatch: pytest.MonkeyPatch, *, unavailable: bool
) -> None:
    """Given any failure of the store, When an object is put, Then it is tried again."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", fail)

    with pytest.raises(TransientError, match=r"cannot write a\.ndjson to memory://") as raised:
        bucket.put("a.ndjson", b"")

    assert isinstance(raised.value, UnavailableError) is unavailable


def test_a_secret_is_not_in_a_message(bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a library that says the token, When it fails, Then the message does not."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("GET https://host/?sig=s3cr3t: 503")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", fail)

    with pytest.raises(TransientError, match=r"sig=\*\*\*: 503"):
        bucket.put("a.ndjson", b"")
