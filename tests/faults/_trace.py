"""Reads what strace wrote of one process: what it changed in one folder, and what it said.

The calls of its threads stand in the order in which they returned: a sync counts from there, and
what the process says after it stands behind it.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

calls = (
    "open,openat,creat,close,dup,dup2,dup3,write,pwrite64,writev,pwritev,pwritev2,"
    "fdatasync,fsync,sync_file_range,ftruncate,truncate,fallocate,"
    "unlink,unlinkat,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,rmdir"
)
"""What is to be traced."""


class TraceError(Exception):
    """The trace cannot be read, or a call in it changes the folder in a way not known here."""


class Opening(NamedTuple):
    """A file, or the folder itself as ``""``, is opened; ``makes`` it where it is missing."""

    handle: int
    name: str
    makes: bool


class Write(NamedTuple):
    """Bytes are written."""

    handle: int
    offset: int
    data: bytes


class Truncation(NamedTuple):
    """A file gets another size."""

    handle: int
    size: int


class Sync(NamedTuple):
    """A file, or the folder, is synced."""

    handle: int


class Removal(NamedTuple):
    """A name is removed."""

    name: str


class Renaming(NamedTuple):
    """A name takes the place of another."""

    old: str
    new: str


class Saying(NamedTuple):
    """The process wrote this to its standard output."""

    text: str


Change = Opening | Write | Truncation | Sync | Removal | Renaming | Saying


class Call(NamedTuple):
    """A system call that did what it was asked."""

    name: str
    arguments: tuple[str, ...]
    result: int


def command(output: str) -> list[str]:
    """Return the command to put before a program to trace it into a file."""
    return ["strace", "-f", "-qq", "-xx", "-s", str(1 << 26), "--seccomp-bpf",
            "-o", output, "-e", f"trace={calls}", "-e", "signal=none"]  # fmt: skip


_line = re.compile(r"(\d+) +(.*)")
_whole = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)")
_resumed = re.compile(r"<\.\.\. \w+ resumed>,? ?(.*)")
_unfinished = " <unfinished ...>"


def read_calls(lines: Iterable[str]) -> Iterator[Call]:
    """Yield the calls that succeeded.

    Raises:
        TraceError: A line is none of strace's.
    """
    begun: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        found = _line.fullmatch(line.rstrip("\n"))
        if found is None:
            raise TraceError(f"line {number} of the trace has no process id: {line[:80]!r}")
        thread, text = found.groups()
        if text.endswith(_unfinished):
            begun[thread] = text.removesuffix(_unfinished)
        elif resumed := _resumed.fullmatch(text):
            yield from _read_call(begun.pop(thread) + resumed[1], number)
        elif not text.startswith(("+++", "---")):
            yield from _read_call(text, number)


def _read_call(text: str, number: int) -> Iterator[Call]:
    found = _whole.match(text)
    if found is None:
        raise TraceError(f"line {number} of the trace is no call: {text[:80]!r}")
    name, arguments, result = found.groups()
    if result != "?" and int(result) >= 0:
        yield Call(name, tuple(arguments.split(", ")), int(result))


def bytes_of(argument: str) -> bytes:
    """Return the bytes of a string argument, which strace wrote in hexadecimal.

    Raises:
        TraceError: It is not whole.
    """
    if not (argument.startswith('"') and argument.endswith('"')):
        raise TraceError(f"strace did not write a string in full: {argument[-80:]}")
    return bytes.fromhex(argument[1:-1].replace("\\x", ""))


class Reader:
    """Turns calls into changes of one folder, in which there are only files."""

    def __init__(self, folder: str) -> None:
        """Store the folder's absolute path."""
        self._folder = PurePosixPath(folder)
        self._handles = 0
        self._handle_of: dict[str, int] = {}
        self._position_of: dict[int, int] = {}

    def read(self, calls: Iterable[Call]) -> Iterator[Change]:
        """Yield what they change in the folder, and what they say.

        Raises:
            TraceError: One of them is not known here.
        """
        for call in calls:
            name = call.name.removesuffix("at").removesuffix("at2")
            if name in {"open", "unlink", "rename"}:
                yield from getattr(self, f"_{name}")(call, at=call.name != name)
            elif call.name == "close":
                self._handle_of.pop(call.arguments[0], None)
            elif call.name == "write" and call.arguments[0] == "1":
                yield Saying(bytes_of(call.arguments[1])[: call.result].decode())
            elif call.arguments[0] in self._handle_of:
                yield from self._change(call, self._handle_of[call.arguments[0]])
            else:
                self._pass_over(call)

    def _change(self, call: Call, handle: int) -> Iterator[Change]:
        if call.name in {"write", "pwrite64"}:
            yield self._write(call, handle)
        elif call.name == "ftruncate":
            yield Truncation(handle, int(call.arguments[1]))
        elif call.name in {"fsync", "fdatasync"}:
            yield Sync(handle)
        elif call.name != "sync_file_range":
            raise TraceError(f"what {call.name} does to a file is not known here")

    def _write(self, call: Call, handle: int) -> Write:
        data = bytes_of(call.arguments[1])[: call.result]
        if call.name == "pwrite64":
            return Write(handle, int(call.arguments[3]), data)
        position = self._position_of[handle]
        self._position_of[handle] += len(data)
        return Write(handle, position, data)

    def _open(self, call: Call, *, at: bool) -> Iterator[Change]:
        path, flags, *_ = call.arguments[1:] if at else call.arguments
        name = self._name(bytes_of(path), call.arguments[0] if at else "")
        self._handle_of.pop(str(call.result), None)
        if name is None:
            return
        if "O_APPEND" in flags:
            raise TraceError(f"{name} is opened to append, which is not known here")
        self._handles += 1
        self._handle_of[str(call.result)] = self._handles
        self._position_of[self._handles] = 0
        yield Opening(self._handles, name, "O_CREAT" in flags)
        if "O_TRUNC" in flags:
            yield Truncation(self._handles, 0)

    def _unlink(self, call: Call, *, at: bool) -> Iterator[Change]:
        arguments = call.arguments
        name = self._name(bytes_of(arguments[at]), arguments[0] if at else "")
        if name is not None:
            yield Removal(name)

    def _rename(self, call: Call, *, at: bool) -> Iterator[Change]:
        arguments = call.arguments if at else ("", call.arguments[0], "", call.arguments[1])
        old = self._name(bytes_of(arguments[1]), arguments[0])
        new = self._name(bytes_of(arguments[3]), arguments[2])
        if old is not None and new is not None:
            yield Renaming(old, new)
        elif (old, new) != (None, None):
            raise TraceError(f"a file is moved into or out of the folder: {old or new}")

    def _pass_over(self, call: Call) -> None:
        """Ignore a call that is about something else."""
        if call.name.startswith(("mkdir", "rmdir", "creat", "truncate", "link")):
            paths = [bytes_of(each) for each in call.arguments if each.startswith('"')]
            names = {self._name(path, "") for path in paths} - {None}
            if names:
                raise TraceError(f"what {call.name} does to {names} is not known here")

    def _name(self, path: bytes, at: str) -> str | None:
        """Return a file's name, ``""`` for the folder, None for what lies elsewhere."""
        whole = PurePosixPath(path.decode(errors="surrogateescape"))
        if not whole.is_absolute():
            if at in self._handle_of:
                raise TraceError(f"{whole} is found from an open folder, which is not known here")
            return None
        if not whole.is_relative_to(self._folder):
            return None
        parts = whole.relative_to(self._folder).parts
        if len(parts) > 1:
            raise TraceError(f"{whole} lies in a folder of the folder, which is not known here")
        return "".join(parts)
