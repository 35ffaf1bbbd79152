"""Finding the ODBC driver: installed, in the wheel, named, or not at all."""

from __future__ import annotations

import builtins
import platform
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyodbc
import pytest

from experimentframework_core.errors import UnavailableError
from experimentframework_sqlserver._connection import driver
from experimentframework_sqlserver._connection.driver import driver_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_found_before() -> Iterator[None]:
    driver._found.cache_clear()
    yield
    driver._found.cache_clear()


def install(patch: pytest.MonkeyPatch, *names: str) -> None:
    patch.setattr(pyodbc, "drivers", lambda: list(names))


def test_an_installed_driver_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given several installed, When one is looked for, Then it is the newest of Microsoft's."""
    install(
        monkeypatch,
        "ODBC Driver 17 for SQL Server",
        "ODBC Driver 20 for SQL Server",
        "ODBC Driver 18 for SQL Server",
        "SQLite3",
    )

    assert driver_of("auto") == "ODBC Driver 20 for SQL Server"


@pytest.mark.parametrize("installed", [[], ["ODBC Driver 17 for SQL Server", "FreeTDS"]])
def test_the_wheel_has_one(monkeypatch: pytest.MonkeyPatch, installed: list[str]) -> None:
    """Given no new enough one is installed, When one is looked for, Then it is the wheel's."""
    install(monkeypatch, *installed)

    found = driver_of("auto")

    assert "libmsodbcsql" in found
    assert driver_of(found) == found


@pytest.mark.parametrize(
    ("system", "variant"),
    [
        ({"ID": "debian"}, "debian_ubuntu"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "debian_ubuntu"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "rhel"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "suse"),
        ({"ID": "another"}, "debian_ubuntu"),
        (None, "debian_ubuntu"),
    ],
)
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_wheels_file_fits_the_system(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    system: dict[str, str] | None,
    variant: str,
    machine: str,
) -> None:
    """Given files for several systems, When one is looked for, Then it is this system's."""
    for folder in ("debian_ubuntu", "rhel", "suse"):
        for architecture in ("x86_64", "arm64"):
            library = tmp_path / "linux" / folder / architecture / "lib"
            library.mkdir(parents=True)
            (library / "libmsodbcsql-18.6.so.2.1").touch()
    wheel = SimpleNamespace(get_libs_dir=lambda: str(tmp_path))
    install(monkeypatch)
    monkeypatch.setitem(sys.modules, "mssql_python_odbc", wheel)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "freedesktop_os_release", release(system))

    found = driver_of("auto")

    architecture = {"aarch64": "arm64"}.get(machine, machine)
    assert found.endswith(f"linux/{variant}/{architecture}/lib/libmsodbcsql-18.6.so.2.1")


def release(system: dict[str, str] | None) -> Any:
    def read() -> dict[str, str]:
        if system is None:
            raise FileNotFoundError
        return system

    return read


def test_no_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no driver, When one is looked for, Then the error says what to install."""
    install(monkeypatch)
    monkeypatch.setitem(sys.modules, "mssql_python_odbc", None)

    with pytest.raises(UnavailableError, match=r"experimentframework-sqlserver\[driver\]") as told:
        driver_of("auto")

    assert "msodbcsql18" in str(told.value)


def test_no_driver_manager_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no driver manager, When a driver is looked for, Then the error says what to install."""
    message = "libodbc.so.2: cannot open shared object file"
    genuine = builtins.__import__

    def without_pyodbc(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pyodbc":
            raise ImportError(message)
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyodbc)

    with pytest.raises(UnavailableError, match="apt-get install unixodbc") as told:
        driver_of("auto")

    assert message in str(told.value)


def test_a_registered_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a name that is registered, When it is wanted, Then it is taken."""
    install(monkeypatch, "FreeTDS")

    assert driver_of("FreeTDS") == "FreeTDS"


def test_an_unknown_name_lists_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given another is registered, When a name is wanted, Then the error lists what there is."""
    install(monkeypatch, "FreeTDS")

    with pytest.raises(UnavailableError, match=r"'ODBC Driver 18'; registered: 'FreeTDS'"):
        driver_of("ODBC Driver 18")


def test_a_path_must_exist() -> None:
    """Given a path without a file, When it is wanted, Then the error names it."""
    with pytest.raises(UnavailableError, match=r"no file '/nowhere/libmsodbcsql\.so'"):
        driver_of("/nowhere/libmsodbcsql.so")
