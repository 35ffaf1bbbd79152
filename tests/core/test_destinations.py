"""Where events usually go, and whose events stay in order."""

from __future__ import annotations

import pytest

from experimentframework_core.destinations import Owner, owner_of, usual_destination
from experimentframework_core.events import built_in_types
from experimentframework_core.testing import make_exposure, make_record

RECORD = make_record(make_exposure(experiment_name="checkout", subject_id="u-1", tenant_id="shop"))
WITHOUT_TENANT = make_record(make_exposure(tenant_id=None))


def test_each_built_in_type_has_its_own_and_all_others_share_one() -> None:
    """Given the built-in types and another, When looked up, Then no two built-in ones share."""
    own = {usual_destination(name) for name in built_in_types}

    assert len(own) == len(built_in_types)
    assert usual_destination("purchase") == "experiment-events"
    assert "experiment-events" not in own


@pytest.mark.parametrize(
    ("owner", "expected"),
    [("experimentKey", "checkout"), ("subjectId", "u-1"), ("tenantId", "shop")],
)
def test_the_owner_of_a_record(owner: Owner, expected: str) -> None:
    """Given a record with all three, When its owner is asked for, Then it is the one named."""
    found = owner_of(RECORD, owner)

    assert found == expected


def test_a_record_without_the_owner_is_its_own() -> None:
    """Given a record without a tenant, When that is its owner, Then its id stands for it."""
    found = owner_of(WITHOUT_TENANT, "tenantId")

    assert found == WITHOUT_TENANT.event_id
