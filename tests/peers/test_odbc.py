"""A driver that cannot be used is told, so that tests skip with the reason."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from experimentframework_core.errors import UnavailableError
from tests.peers import odbc

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_no_driver_manager_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given pyodbc cannot be loaded, When it is asked for, Then what to install is said."""
    monkeypatch.setitem(sys.modules, "pyodbc", None)

    why = odbc.why_no_manager()

    assert why is not None
    assert why.endswith("install unixODBC")


def test_no_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no driver, When it is asked for, Then what to install is said."""

    def driver_of(_wanted: str) -> str:
        raise UnavailableError("cannot find an ODBC driver: install one")

    monkeypatch.setattr(odbc, "driver_of", driver_of)

    assert odbc.why_missing() == "cannot find an ODBC driver: install one"


def test_a_driver_whose_libraries_are_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Given a file that cannot be loaded, When it is asked for, Then the file is named."""
    broken = tmp_path / "libmsodbcsql.so"
    broken.write_text("no library")
    monkeypatch.setattr(odbc, "driver_of", lambda _wanted: str(broken))

    why = odbc.why_missing()

    assert why is not None
    assert str(broken) in why


def test_a_registered_driver_is_left_to_the_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a driver by its name, When it is asked for, Then nothing is missing."""
    monkeypatch.setattr(odbc, "driver_of", lambda _wanted: "ODBC Driver 18 for SQL Server")

    assert odbc.why_missing() is None
