"""Tests that import pyodbc skip, or fail where it is required, on a machine without unixODBC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peers.odbc import why_no_manager
from tests.peers.require import required

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a module that cannot be imported because pyodbc cannot."""
    report = yield
    why = why_no_manager() if report.failed and "odbc" not in required() else None
    if why is not None:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"odbc: {why}")
    return report
