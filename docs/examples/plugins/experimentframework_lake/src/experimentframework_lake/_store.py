"""The file system behind a URL: everything here blocks, and belongs into a thread."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem

from experimentframework_lake._errors import delivery_errors
from experimentframework_lake._formats import SUFFIXES

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from experimentframework_lake._options import LakeOptions

_WRITTEN_AT = ("mtime", "LastModified", "last_modified", "updated", "created")
"""Where the file systems of fsspec say when an object was written."""

_BUCKETS = {"abfs", "abfss", "az", "gcs", "gs", "oci", "oss", "s3", "s3a", "tos"}
"""Stores whose objects appear whole, below a bucket, in folders that nobody makes."""


class Stored(NamedTuple):
    """An object that is there.

    Attributes:
        written: When it was written, in microseconds since 1970.
        name: Its path below the URL.
    """

    written: int
    name: str


class Store:
    """The objects below a URL. It may be used by several threads."""

    def __init__(self, options: LakeOptions) -> None:
        self._options = options
        self._fs: Any = None
        self._root = ""

    def open(self, *, make: bool) -> None:
        """Connect; make the folder where it is missing and ``make`` is set, but never a bucket."""
        secrets = {name: each.reveal() for name, each in self._options.secret_options.items()}
        with self._doing("open"):
            self._fs, self._root = fsspec.url_to_fs(
                self._options.url,
                **{**self._options.storage_options, **secrets},
                skip_instance_cache=True,
                use_listings_cache=False,
            )
            if make and not self._is_bucket:
                self._make_folder(self._root)
        self.ask()

    def ask(self) -> None:
        """Return if the folder can be listed, or the bucket that it will be in."""
        with self._doing("list"):
            try:
                self._fs.ls(self._root, detail=False)
            except FileNotFoundError:
                if not self._is_bucket:
                    raise
                self._fs.ls(self._root.lstrip("/").partition("/")[0], detail=False)

    def put(self, name: str, data: bytes) -> None:
        """Write an object whole, or not at all; one of that name has the same events."""
        path = f"{self._root}/{name}"
        with self._doing(f"write {name} to"):
            if self._is_bucket:
                self._fs.pipe_file(path, data)
            elif isinstance(self._fs, LocalFileSystem):
                _write_synced(Path(path), data)
            elif not self._fs.exists(path):
                folder, _, file = path.rpartition("/")
                self._make_folder(folder)
                self._fs.pipe_file(f"{folder}/.{file}.tmp", data)
                self._fs.mv(f"{folder}/.{file}.tmp", path)

    def objects(self) -> list[Stored]:
        """Return the objects, in the order in which they were written."""
        with self._doing("list"):
            found = self._fs.find(self._root, detail=True)
            named = ((path.removeprefix(self._root).strip("/"), found[path]) for path in found)
            return sorted(
                Stored(_written_at(info), name) for name, info in named if _is_object(name)
            )

    def get(self, name: str) -> bytes | None:
        """Return an object's bytes; None where it is not there any more."""
        with self._doing(f"read {name} of"):
            try:
                data: bytes = self._fs.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return None
            return data

    @property
    def _is_bucket(self) -> bool:
        protocols = self._fs.protocol
        return not _BUCKETS.isdisjoint([protocols] if isinstance(protocols, str) else protocols)

    def _make_folder(self, folder: str) -> None:
        if isinstance(self._fs, LocalFileSystem):
            _make_synced(Path(folder))
        else:
            self._fs.makedirs(folder, exist_ok=True)

    def _doing(self, what: str) -> AbstractContextManager[None]:
        return delivery_errors(f"{what} {self._options.url}", self._options)


def _is_object(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.rpartition("/")[2].startswith((".", "_"))


def _written_at(info: dict[str, Any]) -> int:
    for key in _WRITTEN_AT:
        value = info.get(key)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            value = value.timestamp()
        if value is not None:
            return int(value * 1_000_000)
    raise OSError(f"the file system does not say when {info['name']} was written")


def _write_synced(path: Path, data: bytes) -> None:
    _make_synced(path.parent)
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
    _sync_folder(path.parent)


def _make_synced(folder: Path) -> None:
    if not folder.is_dir():
        _make_synced(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
