"""The text of one problem."""

from __future__ import annotations

import pytest

from experimentframework_core.config import Problem


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem(file="a.yaml", line=14, column=9, path="a.b", message="no"),
            "a.yaml:14:9: a.b: no",
        ),
        (Problem(file="a.yaml", path="a.b", message="no"), "a.yaml: a.b: no"),
        (Problem(file="a.yaml", message="no"), "a.yaml: no"),
        (Problem(path="a.b", message="no"), "a.b: no"),
        (Problem(message="no"), "no"),
        (
            Problem(file="a.yaml", line=1, column=2, path="a", message="hm", severity="warning"),
            "a.yaml:1:2: warning: a: hm",
        ),
        (Problem(message="so", severity="information"), "information: so"),
    ],
)
def test_a_problem_says_only_what_it_knows(problem: Problem, text: str) -> None:
    """Given a problem, with a place or not, When it is shown, Then what is absent is left out."""
    shown = str(problem)

    assert shown == text
