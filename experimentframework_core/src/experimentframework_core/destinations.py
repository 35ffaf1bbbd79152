"""What backplanes share: where events of a type usually go, and whose events stay in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record

Owner: TypeAlias = Literal["experimentKey", "subjectId", "tenantId"]
"""Whose events stay in order, as options name it."""

_OF_TYPE = {
    "exposure": "experiment-exposures",
    "assignment": "experiment-assignments",
    "outcome": "experiment-outcomes",
    "analysisSignal": "experiment-analysis-signals",
    "error": "experiment-errors",
    "governance": "experiment-governance",
}
_OF_OTHER_TYPES = "experiment-events"


def usual_destination(event_type: str) -> str:
    """Return the topic or queue of an event type where nobody says another.

    They are those of the .NET ExperimentFramework, and one for governance events, which it sends
    to ``experiment-events`` with all that have none.
    """
    return _OF_TYPE.get(event_type, _OF_OTHER_TYPES)


def owner_of(record: Record, owner: Owner) -> str:
    """Return the experiment, subject or tenant of a record; its event id where it has none."""
    found = {
        "experimentKey": record.experiment,
        "subjectId": record.subject,
        "tenantId": record.tenant,
    }
    return found[owner] or record.event_id
