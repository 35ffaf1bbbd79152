"""The package of test tools as such."""

from __future__ import annotations

import subprocess
import sys

import experimentframework_core.testing
from experimentframework_core.testing import BackplaneConformance


def test_exports_what_the_reference_names() -> None:
    """Given the package, then these are its names."""
    assert experimentframework_core.testing.__all__ == [
        "BackplaneConformance",
        "Call",
        "Fault",
        "FaultyBackplane",
        "Hang",
        "Sink",
        "deliver",
        "fail",
        "full_disk",
        "make_envelope",
        "make_exposure",
        "make_outcome",
        "make_record",
        "make_records",
        "refuse",
        "slow",
        "swallow",
    ]


def test_pytest_is_needed_by_the_test_tools_only() -> None:
    """Given the other public modules, when they are imported, then pytest is not."""
    program = (
        "import sys, experimentframework_core.codec, experimentframework_core.plugin,"
        " experimentframework_core.backplanes.memory; print('pytest' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"


def test_a_failing_case_explains_itself() -> None:
    """Given a case of the kit, then its assertions were rewritten and say what was compared."""
    case = BackplaneConformance.test_an_empty_batch_is_delivered_at_once

    assert "@pytest_ar" in case.__globals__


def test_every_case_says_what_it_expects() -> None:
    """Given the cases of the kit, then each has a sentence for whoever sees it fail."""
    cases = [name for name in dir(BackplaneConformance) if name.startswith("test_")]

    assert [name for name in cases if not getattr(BackplaneConformance, name).__doc__] == []


def test_without_pytest_it_says_what_to_install() -> None:
    """Given no pytest, when the tools are imported, then the error names the extra."""
    program = """
import sys
sys.modules["pytest"] = None
try:
    import experimentframework_core.testing
except ModuleNotFoundError as error:
    print(error)
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == (
        'pytest is missing: pip install "experimentframework-core[testing]"'
    )
