"""Damaged journals in a short form; the long one is ``python -m tests.faults fuzz``."""

from __future__ import annotations

import os

import pytest

from tests.faults import fuzz

cases = int(os.environ.get("EXPERIMENTFRAMEWORK_FUZZ_CASES", "300"))


@pytest.mark.timeout(300 + cases // 20)
def test_damage_never_breaks_the_journal() -> None:
    """Given damaged journals, When each is read, Then what is readable arrives, the rest counts."""
    report = fuzz.run(cases, seed=20)

    assert report.faults == []
    assert report.cases == cases
    assert report.kept
