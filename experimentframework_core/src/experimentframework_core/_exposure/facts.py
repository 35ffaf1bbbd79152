"""What can be said of an exposure beside its experiment and variant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from experimentframework_core._exposure.subject import Subject
    from experimentframework_core.events import AssignmentPolicy
    from experimentframework_core.status import Ack


class ExposureFacts(TypedDict, total=False):
    """What can be said of an exposure beside its experiment and variant.

    All but ``ack`` go into the event.

    Attributes:
        subject: The subject, or its id. None: the one of `identify` or ``SubjectMiddleware``.
        selection_reason: Why the subject gets the variant; ``application`` where it is not said.
        rule_path: The rule that chose the variant.
        assignment_policy: How long the subject keeps the variant.
        attributes: Facts beside these.
        correlation_id: Ties events of one request together.
        ack: What recording it waits for, as in `DataPlane.publish`; None: the configured one. A
            repeat that is filtered waits for nothing, as its receipt says.
    """

    subject: Subject | str | None
    selection_reason: str
    rule_path: str | None
    assignment_policy: AssignmentPolicy | None
    attributes: dict[str, Any] | None
    correlation_id: str | None
    ack: Ack | None


_KNOWN = frozenset(ExposureFacts.__annotations__)


def check_facts(facts: ExposureFacts) -> None:
    """Refuse a keyword that no exposure has, as Python does for a function that names its own.

    Raises:
        TypeError: There is one.
    """
    if not _KNOWN.issuperset(facts):
        unknown = ", ".join(map(repr, facts.keys() - _KNOWN))
        message = f"unexpected keyword {unknown}; an exposure takes {', '.join(sorted(_KNOWN))}"
        raise TypeError(message)
