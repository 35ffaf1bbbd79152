"""How much the tests do: little by default, as much as the issue asks for when told."""

from __future__ import annotations

import os

variable = "EXPERIMENTFRAMEWORK_FAULTS"
"""``long`` makes ``pytest tests/faults`` as thorough as the commands."""

is_long = os.environ.get(variable) == "long"
