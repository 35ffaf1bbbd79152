"""Where a reading stands, as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experimentframework_core.errors import ReplayError
from experimentframework_kafka._checkpoint import positions_of, written

PLACES = st.tuples(st.sampled_from(["seen", "sold"]), st.integers(0, 99))


@given(st.dictionaries(PLACES, st.integers(0, 2**62), min_size=1))
def test_a_checkpoint_is_read_as_it_was_written(positions: dict[tuple[str, int], int]) -> None:
    """Given any positions, When they are written and read, Then they are the same."""
    found = positions_of(written(positions))

    assert found == positions


def test_the_text_is_short_and_sorted() -> None:
    """Given positions, When they are written, Then each partition has its next offset."""
    found = written({("sold", 1): 3, ("seen", 0): 17, ("seen", 2): 5})

    assert found == '{"seen":{"0":17,"2":5},"sold":{"1":3}}'


def test_there_is_none_at_the_start() -> None:
    """Given nothing has been read, When it is written, Then there is no checkpoint."""
    found = written({})

    assert found is None
    assert positions_of(None) == {}


@pytest.mark.parametrize(
    "text", ["17", "", "{", '{"seen":5}', '{"seen":{"x":5}}', '{"seen":{"0":-5}}']
)
def test_what_is_no_checkpoint_is_told(text: str) -> None:
    """Given another text, When it is read, Then the error shows what one looks like."""
    with pytest.raises(ReplayError, match=r'as in \{"events":\{"0":17\}\}'):
        positions_of(text)
