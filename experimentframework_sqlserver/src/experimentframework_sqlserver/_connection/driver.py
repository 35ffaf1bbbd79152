"""Finds the ODBC driver: an installed one, or the one in the wheel of the extra ``driver``."""

from __future__ import annotations

import platform
import re
from functools import lru_cache
from pathlib import Path

from experimentframework_core.errors import UnavailableError

AUTO = "auto"
"""The option that has the driver found."""

_OLDEST = 18
_NAME = re.compile(r"ODBC Driver ([0-9]+) for SQL Server")
_VARIANTS = {
    "alpine": "alpine",
    "debian": "debian_ubuntu",
    "fedora": "rhel",
    "rhel": "rhel",
    "suse": "suse",
    "ubuntu": "debian_ubuntu",
}
_INSTALL = (
    'python -m pip install "experimentframework-sqlserver[driver]", or install the package '
    "msodbcsql18 of Microsoft"
)


def driver_of(wanted: str) -> str:
    """Return the driver as the driver manager takes it: a name that it knows, or a path.

    Args:
        wanted: A name, a path, or ``auto``.

    Raises:
        UnavailableError: There is no such driver; the message says what to install.
    """
    if wanted == AUTO:
        return _found()
    if "/" in wanted:
        if not Path(wanted).is_file():
            raise UnavailableError(f"cannot load the ODBC driver: there is no file '{wanted}'")
        return wanted
    installed = _installed()
    if wanted not in installed:
        there = ", ".join(f"'{name}'" for name in installed) or "none"
        raise UnavailableError(
            f"cannot find the ODBC driver '{wanted}'; registered: {there}; say one of these, the "
            "path of its file, or driver: auto"
        )
    return wanted


@lru_cache(maxsize=1)
def _found() -> str:
    newest = max(map(_version, _installed()), default=0)
    if newest >= _OLDEST:
        return f"ODBC Driver {newest} for SQL Server"
    in_wheel = _in_wheel()
    if in_wheel is None:
        raise UnavailableError(
            f"cannot find an ODBC driver for SQL Server, version {_OLDEST} or newer: {_INSTALL}"
        )
    return str(in_wheel)


def _version(name: str) -> int:
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else 0


def _installed() -> list[str]:
    """Return the names that the driver manager knows.

    Raises:
        UnavailableError: There is no driver manager.
    """
    try:
        import pyodbc
    except ImportError as error:
        raise UnavailableError(
            f"cannot load pyodbc: {error}; install the driver manager: apt-get install unixodbc, "
            "dnf install unixODBC, apk add unixodbc or brew install unixodbc"
        ) from error
    return sorted(pyodbc.drivers())


def _in_wheel() -> Path | None:
    """Return the driver's file in ``mssql-python-odbc``, of this system's kind if it has several.

    A wheel is for one processor and one libc; one for glibc holds a file for each family of
    distributions.
    """
    try:
        import mssql_python_odbc
    except ImportError:
        return None
    machine = platform.machine()
    machines = {machine, {"aarch64": "arm64", "arm64": "arm64"}.get(machine, machine)}
    libraries = Path(mssql_python_odbc.get_libs_dir())
    files = [
        file
        for pattern in ("libmsodbcsql-*.so*", "libmsodbcsql*.dylib")
        for file in sorted(libraries.rglob(pattern))
        if machines & set(file.relative_to(libraries).parts)
    ]
    of_system = [file for file in files if _variant() in file.parts]
    return next(iter([*of_system, *files]), None)


def _variant() -> str:
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return ""
    names = [system.get("ID", ""), *system.get("ID_LIKE", "").split()]
    return next((_VARIANTS[name] for name in names if name in _VARIANTS), "")
