"""Which configuration dead letters come from."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_present = ContextVar("origin", default="")


def origin_of(files: Iterable[Path | str]) -> str:
    """Return the origin that files are: their absolute paths, sorted, as in ``PATH``.

    Links are not followed: a file that is put in the place of another one, to mend it, is the
    same origin, as in a volume of Kubernetes.
    """
    return os.pathsep.join(sorted({str(Path(file).absolute()) for file in files}))


def is_same(origin: str, other: str) -> bool:
    """Return whether two origins are the same files, however their paths are written."""
    return origin == other or ("" not in (origin, other) and _real(origin) == _real(other))


def _real(origin: str) -> set[str]:
    files = origin.split(os.pathsep)
    return {os.path.normcase(os.path.realpath(file)) for file in files}


def spellings(origins: Iterable[str], found: Iterable[str]) -> tuple[str, ...]:
    """Return ``origins``, and those of ``found`` that are the same ones, written otherwise."""
    wanted = tuple(origins)
    same = (each for each in found if any(is_same(each, one) for one in wanted))
    return tuple(dict.fromkeys((*wanted, *same)))


@contextmanager
def coming_from(origin: str) -> Iterator[None]:
    """Have the dead letters of the planes that are made inside come from ``origin``."""
    token = _present.set(origin)
    try:
        yield
    finally:
        _present.reset(token)


def present() -> str:
    """Return what `coming_from` was given; empty outside."""
    return _present.get()
