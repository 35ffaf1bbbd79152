"""A folder in memory that loses power: what was synced stays, the rest may stay, tear or go.

What a loss of power may do to it:

* A file's bytes are safe once the file was synced after they were written. Of later writes each
  sector of 512 bytes holds what it held at the sync, or after any write since: a write is kept,
  dropped or torn, in any order.
* A file that grew has its old size, its new one, or one between. What was not written there is
  zeros, noise, or bytes of a file that was removed.
* A file that was truncated since the sync has the old size or the new one.
* A name that was made, removed or renamed is so for sure once the folder was synced. Later
  changes of one name come in order, those of different names in any; syncing a file does not
  save its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults._trace import (
    Opening,
    Removal,
    Renaming,
    Saying,
    Sync,
    TraceError,
    Truncation,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from random import Random

    from tests.faults._trace import Change

sector = 512
manners = ("nothing", "everything", "first", "writes", "sectors")
"""What is kept of what was not synced."""


class File:
    """A file's bytes: as they are, as they were synced, and what was done since.

    Attributes:
        live: What a process reads.
    """

    def __init__(self, content: bytes = b"") -> None:
        """Make a synced file."""
        self.live = bytearray(content)
        self._synced = content
        self._since: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes; note the sectors as they are then."""
        end = offset + len(data)
        self.live.extend(bytes(max(0, end - len(self.live))))
        self.live[offset:end] = data
        first = offset // sector * sector
        self._since.append((first, bytes(self.live[first : -(-end // sector) * sector])))

    def truncate(self, size: int) -> None:
        """Give it another size."""
        if size != len(self.live):
            self.live = self.live[:size].ljust(size, b"\0")
            self._since.append((size, None))

    def sync(self) -> None:
        """Make it safe."""
        if self._since:
            self._synced = bytes(self.live)
            self._since.clear()

    def after_loss(self, chance: Random, stale: bytes) -> bytes:
        """Return what a loss of power leaves of it."""
        if not self._since:
            return self._synced
        remains = _Remains(self._synced)
        manner = chance.choice(manners)
        kept = chance.randrange(len(self._since)) if manner == "first" else 0
        for number, (place, data) in enumerate(self._since):
            fate = _fate(manner, number - kept, chance)
            if data is None:
                if fate:
                    remains.truncate(place)
                continue
            count = -(-len(data) // sector)
            for at in _sectors_kept(fate, count, chance):
                remains.write(place + at * sector, data[at * sector : (at + 1) * sector])
        return remains.fill(len(self.live), chance, stale)


def _fate(manner: str, number: int, chance: Random) -> str:
    """Return what becomes of a write: ``whole``, ``torn``, ``sectors`` or nothing."""
    if manner == "first":
        return "whole" if number < 0 else "torn" if not number else ""
    if manner == "writes":
        return chance.choice(("", "whole", "whole", "torn", "sectors"))
    return {"nothing": "", "everything": "whole", "sectors": "sectors"}[manner]


def _sectors_kept(fate: str, count: int, chance: Random) -> Iterator[int]:
    if fate == "whole":
        yield from range(count)
    elif fate == "torn":
        yield from range(chance.randint(0, count))
    elif fate == "sectors":
        yield from (at for at in range(count) if chance.random() < 0.5)


class _Remains:
    """A file while it is found out what is left of it."""

    def __init__(self, synced: bytes) -> None:
        self._content = bytearray(synced)
        self._safe = len(synced)
        self._written: set[int] = set()

    def write(self, place: int, data: bytes) -> None:
        end = place + len(data)
        self._content.extend(bytes(max(0, end - len(self._content))))
        self._content[place:end] = data
        self._written.add(place // sector)

    def truncate(self, size: int) -> None:
        self._content = self._content[:size].ljust(size, b"\0")
        self._safe = min(self._safe, size)
        self._written = {at for at in self._written if at * sector < size}

    def fill(self, new_size: int, chance: Random, stale: bytes) -> bytes:
        """Return the file at a size it may have; what was never written there is anything."""
        least = min(len(self._content), self._safe)
        most = max(len(self._content), new_size)
        size = chance.choice((least, len(self._content), most, chance.randint(least, most)))
        content = self._content.ljust(size, b"\0")[:size]
        what = chance.choice(("zeros", "noise", "stale"))
        for at in range(self._safe // sector, -(-size // sector)):
            if at not in self._written and what != "zeros":
                start, end = max(at * sector, self._safe), min((at + 1) * sector, size)
                content[start:end] = _anything(what, start, end, chance, stale)
        return bytes(content)


def _anything(what: str, start: int, end: int, chance: Random, stale: bytes) -> bytes:
    if what == "stale":
        return stale[start:end].ljust(end - start, b"\0")
    return chance.randbytes(end - start)


class LossyDisk:
    """One folder, to which the changes of a trace are made."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Begin with files that are synced."""
        self._live = {name: File(content) for name, content in files.items()}
        self._synced = dict(self._live)
        self._since: list[Removal | Renaming | tuple[str, File]] = []
        self._open: dict[int, File | None] = {}
        self._stale = b""

    def make(self, change: Change) -> None:
        """Make a change."""
        match change:
            case Opening(handle, name, makes):
                self._open[handle] = self._find(name, makes=makes) if name else None
            case Write(handle, offset, data):
                self._file(handle).write(offset, data)
            case Truncation(handle, size):
                self._file(handle).truncate(size)
            case Sync(handle):
                self._sync(self._open[handle])
            case Removal(name):
                self._stale = bytes(self._live[name].live)
                self._note(change)
            case Renaming():
                self._note(change)
            case Saying():
                pass

    def files(self) -> dict[str, bytes]:
        """Return the files as processes see them."""
        return {name: bytes(file.live) for name, file in self._live.items()}

    def lose_power(self, chance: Random) -> dict[str, bytes]:
        """Return what may be left after a loss of power now; nothing here is changed by it."""
        names = dict(self._synced)
        likely = chance.choice((0.0, 0.5, 1.0))
        stuck: set[str] = set()
        for change in self._since:
            touched = _names_of(change)
            if touched & stuck or chance.random() >= likely:
                stuck |= touched
            else:
                _rename(names, change)
        return {name: file.after_loss(chance, self._stale) for name, file in names.items()}

    def _find(self, name: str, *, makes: bool) -> File:
        if name not in self._live:
            if not makes:
                raise TraceError(f"{name} is opened, but nothing has made it")
            self._note((name, File()))
        return self._live[name]

    def _file(self, handle: int) -> File:
        file = self._open[handle]
        if file is None:
            raise TraceError("the folder itself is written to")
        return file

    def _sync(self, file: File | None) -> None:
        if file is not None:
            file.sync()
        else:
            self._synced = dict(self._live)
            self._since.clear()

    def _note(self, change: Removal | Renaming | tuple[str, File]) -> None:
        _rename(self._live, change)
        self._since.append(change)


def _names_of(change: Removal | Renaming | tuple[str, File]) -> set[str]:
    match change:
        case Removal(name):
            return {name}
        case Renaming(old, new):
            return {old, new}
        case (name, _):
            return {name}


def _rename(names: dict[str, File], change: Removal | Renaming | tuple[str, File]) -> None:
    match change:
        case Removal(name):
            del names[name]
        case Renaming(old, new):
            names[new] = names.pop(old)
        case (name, file):
            names[name] = file
