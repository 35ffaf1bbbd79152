"""Where a replay stands, in a file that is whole at any moment."""

from __future__ import annotations

import os
import stat
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core._paths import naming, try_to_append
from experimentframework_core._replay.identity import differences
from experimentframework_core._syncing import sync_folder
from experimentframework_core.errors import ReplayError

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core._replay.identity import Facts

VERSION = 1

_MOST_BYTES = 16 * 1024 * 1024
"""No checkpoint is so large: most of one is the selection."""


class _Version(msgspec.Struct, rename="camel"):
    replay_checkpoint: int


class _Stored(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The file.

    Attributes:
        replay_checkpoint: The version of its form.
        replay: What is replayed, from where and to where.
        position: The source's own checkpoint: all before it has arrived.
        saved_at: When it was written.
        check: The CRC-32 of the rest.
    """

    replay_checkpoint: int
    replay: dict[str, str]
    position: str
    saved_at: datetime
    check: str = ""


def load(path: Path, facts: Facts) -> str | None:
    """Return the position in the file; None where there is no file.

    Raises:
        ReplayError: It cannot be read, is damaged, or belongs to another replay.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            message = f"cannot read the checkpoint {path}: it is no regular file; name another"
            raise ReplayError(message)
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"cannot read the checkpoint {path}: {error.strerror or error}"
        raise ReplayError(message) from error
    if len(text) > _MOST_BYTES:
        message = f"cannot read the checkpoint {path}: it is too large for one; name another"
        raise ReplayError(message)
    stored = _stored_in(text, path)
    if others := list(differences(stored.replay, facts)):
        raise ReplayError(
            f"the checkpoint {path} belongs to another replay: {'; '.join(others)}; give it as it"
            " was, or another file for this one"
        )
    return stored.position


def _stored_in(text: bytes, path: Path) -> _Stored:
    try:
        version = msgspec.json.decode(text, type=_Version).replay_checkpoint
        if version != VERSION:
            raise ReplayError(
                f"cannot use the checkpoint {path}: its form has version {version}, this"
                f" experimentframework knows version {VERSION}"
            )
        stored = msgspec.json.decode(text, type=_Stored)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if stored.check != _check_of(stored):
        raise _damaged(path, "its check sum is another")
    return stored


def _damaged(path: Path, why: str) -> ReplayError:
    return ReplayError(
        f"the checkpoint {path} is damaged ({why}): where the replay stood is not known; remove"
        " the file to begin anew, which gives the target again what it has"
    )


def _check_of(stored: _Stored) -> str:
    rest = msgspec.json.encode(msgspec.structs.replace(stored, check=""))
    return f"{zlib.crc32(rest):08x}"


def save(path: Path, facts: Facts, position: str) -> None:
    """Write the file; whoever reads it finds the old one or the new one, whole.

    Raises:
        OSError: It cannot be written.
    """
    stored = _Stored(
        replay_checkpoint=VERSION, replay=facts, position=position, saved_at=datetime.now(UTC)
    )
    stored = msgspec.structs.replace(stored, check=_check_of(stored))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part_of(path)
    with naming(path):
        with part.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(stored), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)


def try_to_save(path: Path) -> None:
    """Look whether the file can be written, and make its folder.

    Raises:
        OSError: It cannot.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try_to_append(_part_of(path))


def _part_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
