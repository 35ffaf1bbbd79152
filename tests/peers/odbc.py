"""Says whether the genuine ODBC driver can be used here."""

from __future__ import annotations

import ctypes

from experimentframework_core.errors import UnavailableError
from experimentframework_sqlserver._driver import AUTO, driver_of


def why_missing() -> str | None:
    """Return why there is no ODBC driver for SQL Server, and what to do; None if there is one."""
    try:
        driver = driver_of(AUTO)
        if "/" in driver:
            ctypes.CDLL(driver)
    except (UnavailableError, OSError) as error:
        return str(error)
    return None
