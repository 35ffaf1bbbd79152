"""An event that an engine cannot hold is refused alone, through a whole data plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from experimentframework_core import BackplaneOptions, DataPlane, DataPlaneOptions
from experimentframework_core.config import DeadLetterOptions
from experimentframework_core.deadletter import DeadLetterStore
from experimentframework_core.testing import make_exposure
from tests.core._planes import check_accounts
from tests.sqlserver.engine.database import rows

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_sqlserver import SqlServerOptions
