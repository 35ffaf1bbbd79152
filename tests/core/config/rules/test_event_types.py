"""Event types that a configuration names: those of the application are not known to a command."""

from __future__ import annotations

import msgspec
import pytest

from experimentframework_core.config import event_type_problem
from experimentframework_core.events import event


@pytest.mark.parametrize("name", ["exposures", "Outcome", "analysis_signal", "eror", "no type"])
def test_what_is_misspelt_or_no_name_is_an_error(name: str) -> None:
    """Given a name near a known one, or that no type can have, Then it is an error."""
    found = event_type_problem(name)

    assert found is not None
    assert found[0].startswith(f"unknown event type '{name}'; expected exposure, ")
    assert found[1] == "error"


@pytest.mark.parametrize("name", ["subscriptionRenewed", "outcomeSeen", "click", "paymentError"])
def test_what_an_application_may_register_is_a_warning(name: str) -> None:
    """Given a name that is like no known one, Then it is a warning that says who must know it."""
    found = event_type_problem(name)

    assert found is not None
    assert found[0].startswith(
        f"no event type '{name}' is registered here; the application must register it"
    )
    assert found[1] == "warning"


def test_a_warning_says_what_may_be_meant() -> None:
    assert (event_type_problem("outcomeSeen") or ("", ""))[0].endswith("; did you mean 'outcome'?")


def test_nothing_is_said_of_what_is_registered() -> None:
    event("purchase")(type("Purchase", (msgspec.Struct,), {"__annotations__": {"n": int}}))

    found = event_type_problem("purchase"), event_type_problem("exposure")

    assert found == (None, None)
