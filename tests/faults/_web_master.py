"""A configuration of gunicorn that publishes in the master: workers inherit an open plane."""

from __future__ import annotations

import importlib
from typing import Any

from experimentframework_core import Exposure


def when_ready(_server: Any) -> None:
    """Publish before the first worker is forked."""
    event = Exposure(
        experiment_name="checkout",
        variant_key="control",
        subject_id="the master",
        selection_reason="test",
    )
    importlib.import_module("app").plane.publish(event)
