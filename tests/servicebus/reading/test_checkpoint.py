"""Where a reading of Service Bus stands, as text."""

from __future__ import annotations

import pytest

from experimentframework_core.errors import ReplayError
from experimentframework_servicebus._namespace.entities import Place
from experimentframework_servicebus._reading.checkpoint import positions_of, written

QUEUE = Place("events")
SUBSCRIPTION = Place("events", "all")
LATER = 5 << 48 | 9


def test_a_position_is_a_number_for_each_place() -> None:
    """Given two places that were read, When it is written, Then it is one line of text."""
    text = written({"events": {0: 17}, "events/Subscriptions/all": {0: 3, 5: LATER}, "other": {}})

    assert text == (
        '{"version":1,"after":{"events":[17],"events/Subscriptions/all":[3,1407374883553289]}}'
    )


def test_nothing_read_has_no_checkpoint() -> None:
    """Given nothing was read, When the position is written, Then there is none."""
    assert written({"events": {}}) is None


def test_what_was_written_is_read() -> None:
    """Given the text of positions, When it is read, Then they are the same, by partition."""
    positions = {"events": {0: 17}, "events/Subscriptions/all": {0: 3, 5: LATER}}

    found = positions_of(written(positions), [QUEUE, SUBSCRIPTION])

    assert found == positions


def test_a_place_that_was_not_read_begins_at_its_beginning() -> None:
    """Given a checkpoint of one of two places, When it is read, Then the other begins anew."""
    found = positions_of('{"version":1,"after":{"events":[17]}}', [QUEUE, SUBSCRIPTION])

    assert found == {"events": {0: 17}, "events/Subscriptions/all": {}}


@pytest.mark.parametrize(
    "foreign",
    [
        '{"events":{"0":17}}',
        '{"after":17}',
        '{"version":1,"after":{"events":[-1]}}',
        f'{{"version":1,"after":{{"events":[{16 << 48}]}}}}',
        f'{{"version":1,"after":{{"events":[{2**63}]}}}}',
        f'{{"version":1,"after":{{"events":[{10**30}]}}}}',
        '{"version":1,"after":{"events":17}}',
        '{"version":1,"after":{"events":[17]},"more":1}',
        "319",
        "",
        "\ud800",
    ],
)
def test_a_foreign_checkpoint_is_told(foreign: str) -> None:
    """Given a text of another backplane, When it is read, Then the error says what to expect."""
    with pytest.raises(ReplayError) as raised:
        positions_of(foreign, [QUEUE])

    assert str(raised.value) == (
        f"cannot read on from the checkpoint {foreign!r}: those of Service Bus say the last number "
        'of each queue or subscription, as in {"version":1,"after":{"events":[17]}}'
    )


def test_a_checkpoint_of_a_later_version_is_told() -> None:
    """Given a text of version 2, When it is read, Then the error says which is known."""
    with pytest.raises(ReplayError, match="it is of version 2; this installation reads version 1"):
        positions_of('{"version":2,"after":{}}', [QUEUE])


def test_a_checkpoint_of_another_place_is_told() -> None:
    """Given a text of another queue, When it is read, Then the error names both."""
    with pytest.raises(ReplayError) as raised:
        positions_of('{"version":1,"after":{"orders":[17]}}', [QUEUE, SUBSCRIPTION])

    assert str(raised.value) == (
        "cannot read on from the checkpoint: 'orders' is not where this backplane's events are: "
        "events, events/Subscriptions/all"
    )
