"""Connection strings that pyodbc takes for new ones."""

from __future__ import annotations

import pytest

from experimentframework_sqlserver._connection.types_of_driver import ask_anew, asked_anew, is_wrong


def test_a_string_is_another_after_a_wrong_answer() -> None:
    """Given a wrong answer, When the string is made again, Then pyodbc has not seen it."""
    before = asked_anew("Server=h")

    ask_anew()

    assert asked_anew("Server=h") == asked_anew("Server=h") != before


def test_there_is_an_end_to_the_strings() -> None:
    """Given wrong answers without end, When strings are made, Then they are bounded."""
    strings = set()

    for _ in range(1000):
        ask_anew()
        strings.add(asked_anew(""))

    assert len(strings) == 100
    assert max(map(len, strings)) < 100


@pytest.mark.parametrize(("state", "wrong"), [("HY104", True), ("08S01", False), ("", False)])
def test_a_wrong_answer_is_known_by_its_state(state: str, wrong: bool) -> None:  # noqa: FBT001
    assert is_wrong(state) == wrong
