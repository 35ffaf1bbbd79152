"""Some events are refused for ever."""

from __future__ import annotations

import pytest

from tests.faults import poison
from tests.faults._scale import is_long


@pytest.mark.parametrize("killed", [False, True], ids=["drained", "killed"])
@pytest.mark.parametrize("refusal", poison.refusals)
def test_poison_is_set_aside_and_the_rest_arrives(refusal: str, killed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Given poison, when it is refused, then it is dead-lettered with its story, once."""
    events, every = (20_000, 1000) if is_long else (3000, 300)

    outcome = poison.carry_out(
        poison.Case(refusal=refusal, killed=killed, events=events, every=every)
    )

    assert outcome.letters > 0
    assert outcome.faults == ()
