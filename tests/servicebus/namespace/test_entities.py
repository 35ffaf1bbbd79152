"""Which queue or topic an event goes to."""

from __future__ import annotations

import pytest

from experimentframework_servicebus import ServiceBusOptions
from experimentframework_servicebus._namespace.entities import entity_of


@pytest.mark.parametrize(
    ("options", "entities"),
    [
        (ServiceBusOptions(queue_name="all"), ("all", "all")),
        (ServiceBusOptions(topic_name="all"), ("all", "all")),
        (
            ServiceBusOptions(use_type_specific_destinations=True),
            ("experiment-exposures", "experiment-events"),
        ),
    ],
)
def test_the_queue_or_topic_of_a_type(
    options: ServiceBusOptions, entities: tuple[str, str]
) -> None:
    """Given one destination or one each, When types are asked for, Then each has its own."""
    found = (entity_of("exposure", options), entity_of("purchase", options))

    assert found == entities
