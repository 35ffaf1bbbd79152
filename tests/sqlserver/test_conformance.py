"""What the conformance kit checks without opening anything."""

from __future__ import annotations

import pytest

from experimentframework_core.testing._cases._shape import ShapeCases
from experimentframework_core.units import Secret
from experimentframework_sqlserver import SqlServerOptions, SqlServerRetention, plugin


class TestSqlServer(ShapeCases[SqlServerOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self) -> SqlServerOptions:
        return SqlServerOptions(
            connection_string=Secret("Server=localhost;UID=app;PWD={a;b}"),
            schema="shop",
            pool_size=4,
            retention=SqlServerRetention(days=90),
            event_type_case="pascal",
            batch_size=500,
        )
