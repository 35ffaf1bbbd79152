"""What may be the name of a type in code."""

from __future__ import annotations

import pytest

from experimentframework_core.config._walk.kinds import is_in_code


@pytest.mark.parametrize(
    "name",
    [
        "my_app.Gate",
        "my_app.gates:Gate",
        "gates:Gate.Inner",
        "Shop.Budget, Shop",
        "Shop.Outer+Budget, Shop.Core, Version=1.0.0.0, Culture=neutral, PublicKeyToken=null",
        "Shop.Budget`1",
        "büro.Größe",
    ],
)
def test_a_name_of_identifiers_is_a_type_in_code(name: str) -> None:
    """Given a module and a type, as Python or .NET writes them, When asked, Then it may be one."""
    assert is_in_code(name)


@pytest.mark.parametrize(
    "name",
    [
        "Gate",
        "1.2",
        "a..b",
        ".a",
        "a.",
        "a:b:c",
        "my-app.Gate",
        "my app.Gate",
        "redis://:pw@h",
        "Shop.Budget,",
        "Gate, Shop.Core",
        "a.b\n",
    ],
)
def test_what_cannot_be_found_in_code_is_none(name: str) -> None:
    """Given what no module and type could be called, When asked, Then it is refused."""
    assert not is_in_code(name)


def test_a_long_name_takes_no_time() -> None:
    """Given very many parts with a bad end, When asked, Then the answer comes before a timeout."""
    assert not is_in_code("a." * 500_000 + "!")
