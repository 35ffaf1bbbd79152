"""What the conformance kit checks without opening anything."""

from __future__ import annotations

import pytest

from experimentframework_core.testing._cases._shape import ShapeCases
from experimentframework_core.units import Secret
from experimentframework_servicebus import ServiceBusOptions, plugin


class TestServiceBus(ShapeCases[ServiceBusOptions]):
    plugin = plugin

    @pytest.fixture
    def options(self) -> ServiceBusOptions:
        return ServiceBusOptions(
            connection_string=Secret(
                "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=send;"
                "SharedAccessKey=aGVsbG8="
            ),
            topic_name="events",
            enable_sessions=True,
            session_strategy="subjectId",
            max_retry_attempts=3,
            batch_size=50,
        )
