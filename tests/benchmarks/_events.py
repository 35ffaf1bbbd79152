"""The one event that every side is given: eleven fields, three attributes, fresh strings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from experimentframework_core.events import AssignmentPolicy, Exposure


def exposure(number: int) -> Exposure:
    """Return an exposure whose strings are new objects, as a request handler has them."""
    return Exposure(
        experiment_name=f"checkout-{number % 20}",
        variant_key=f"variant-{number % 3}",
        subject_id=f"user-{number:08d}",
        timestamp=datetime.now(UTC),
        selection_reason=f"hash-assignment-{number % 4}",
        subject_type=f"user-{number % 2}",
        tenant_id=f"tenant-{number:08d}",
        rule_path=f"rules/{number % 10}/default",
        assignment_policy=AssignmentPolicy.SUBJECT_STICKY,
        is_repeat_exposure=False,
        attributes={
            "country": f"C{number % 50}",
            "plan": f"plan-{number % 5}",
            "cartItems": number % 9,
        },
    )


def subject(number: int) -> str:
    """Return the subject of `exposure` with that number."""
    return f"user-{number:08d}"


def properties(number: int) -> dict[str, Any]:
    """Return the same facts but the subject, flat, as an analytics SDK takes them.

    The time is left out because these SDKs put in their own.
    """
    return {
        "experimentName": f"checkout-{number % 20}",
        "variantKey": f"variant-{number % 3}",
        "selectionReason": f"hash-assignment-{number % 4}",
        "subjectType": f"user-{number % 2}",
        "tenantId": f"tenant-{number:08d}",
        "rulePath": f"rules/{number % 10}/default",
        "assignmentPolicy": "subjectSticky",
        "isRepeatExposure": False,
        "country": f"C{number % 50}",
        "plan": f"plan-{number % 5}",
        "cartItems": number % 9,
    }
