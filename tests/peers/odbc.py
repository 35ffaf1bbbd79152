"""Says whether the genuine ODBC driver can be used here."""

from __future__ import annotations

import ctypes
import importlib

from experimentframework_core.errors import UnavailableError
from experimentframework_sqlserver._connection.driver import AUTO, driver_of


def why_no_manager() -> str | None:
    """Return why pyodbc cannot be loaded, and what to do; None if it can."""
    try:
        importlib.import_module("pyodbc")
    except ImportError as error:
        return f"pyodbc cannot be loaded: {error}; install unixODBC"
    return None


def why_missing() -> str | None:
    """Return why there is no ODBC driver for SQL Server, and what to do; None if there is one."""
    try:
        driver = driver_of(AUTO)
        if "/" in driver:
            ctypes.CDLL(driver)
    except (UnavailableError, OSError) as error:
        return str(error)
    return None
