"""Tools for tests: the conformance kit, a backplane that fails by a script, event factories.

Importing it needs pytest, from the extra ``testing``. The fixtures are a pytest plugin of their
own: ``pytest_plugins = ["experimentframework_core.testing.fixtures"]``.
"""

from __future__ import annotations

try:
    import pytest
except ModuleNotFoundError as error:
    message = 'pytest is missing: pip install "experimentframework-core[testing]"'
    raise ModuleNotFoundError(message, name=error.name) from None

# Without it a failing case would say "AssertionError" and nothing else.
pytest.register_assert_rewrite("experimentframework_core.testing._cases")

from experimentframework_core.testing._conformance import BackplaneConformance  # noqa: E402
from experimentframework_core.testing._faults import (  # noqa: E402
    Call,
    Fault,
    FaultyBackplane,
    Hang,
    Sink,
    deliver,
    fail,
    refuse,
    slow,
    swallow,
)
from experimentframework_core.testing._full_disk import full_disk  # noqa: E402
from experimentframework_core.testing._records import (  # noqa: E402
    make_envelope,
    make_exposure,
    make_outcome,
    make_record,
    make_records,
)

__all__ = [
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
