"""Records of every kind, as the cases deliver them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from experimentframework_core.events import (
    AnalysisSignal,
    AnalysisSignalType,
    Assignment,
    ExperimentError,
    Governance,
    GovernanceAction,
    Payload,
    SignalSeverity,
    event,
)
from experimentframework_core.schemas import upcast
from experimentframework_core.testing._records import (
    make_exposure,
    make_outcome,
    make_record,
)

if TYPE_CHECKING:
    from experimentframework_core.envelope import Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@event("conformanceNote")
class Note(Payload, frozen=True):
    """A custom event that has neither experiment nor subject."""

    text: str


@event("conformanceMoved", version="2.0.0")
class Moved(Payload, frozen=True):
    """A custom event whose field had another name once."""

    place: str


@upcast("conformanceMoved", "1.0.0", "2.0.0")
def _moved(payload: dict[str, object]) -> dict[str, object]:
    return {"place": payload["where"]}


def written_before() -> Record:
    """Return a `Moved` to the counter as the first version of its type was written."""
    return _rewritten(make_record(Moved(place="counter")), b'"place"', b'"where"', "1.0.0")


def written_by_others() -> list[Record]:
    """Return records of a newer minor and a newer major version, and of an unknown type."""
    record = make_record(Moved(place="counter"))
    strange = make_record(Note(text="unknown"))
    return [
        _rewritten(record, b'"counter"', b'"counter","floor":2', "2.9.0"),
        _rewritten(make_record(Moved(place="counter")), b'"place"', b'"room"', "9.0.0"),
        msgspec.structs.replace(
            strange,
            event_type="conformanceUnknown",
            body=strange.body.replace(b"conformanceNote", b"conformanceUnknown"),
        ),
    ]


def _rewritten(record: Record, old: bytes, new: bytes, version: str) -> Record:
    """Return a record with another payload and version."""
    body = record.body.replace(old, new).replace(b'"2.0.0"', f'"{version}"'.encode())
    return msgspec.structs.replace(record, body=body, schema_version=version)


def one_of_each_type() -> list[Record]:
    """Return a record of each built-in type and one of a custom type without any routing facts."""
    return [
        make_record(make_exposure()),
        make_record(
            Assignment(
                experiment_name="checkout",
                subject_id="u-1",
                previous_variant_key="control",
                new_variant_key="express",
                change_reason="rollout",
            )
        ),
        make_record(make_outcome()),
        make_record(
            AnalysisSignal(
                experiment_name="checkout",
                signal_type=AnalysisSignalType.PEEKING_WARNING,
                severity=SignalSeverity.WARNING,
                message="looked at too early",
            )
        ),
        make_record(
            ExperimentError(experiment_name="checkout", error_type="ValueError", message="no price")
        ),
        make_record(
            Governance(experiment_name="checkout", action=GovernanceAction.STARTED, actor="ann")
        ),
        make_record(Note(text="no experiment, no subject")),
    ]


def interleaved(*, keys: int, each: int) -> list[Record]:
    """Return exposures of as many keys, whatever they are kept in order by, one after another."""
    return [
        make_record(
            make_exposure(
                experiment_name=f"experiment-{key}",
                subject_id=f"subject-{key}",
                tenant_id=f"tenant-{key}",
            )
        )
        for _ in range(each)
        for key in range(keys)
    ]


def difficult_texts() -> list[Record]:
    """Return records whose text a careless writer changes."""
    texts = (
        "Grüße, 東京, Ελλάδα",
        "😀 👩‍👩‍👧 🇯🇵",
        "quote \" backslash \\ slash / apostrophe '",
        "line\nfeed\ttab\rreturn",
        "e\u0301 is not \u00e9; \u2028 ends no line",
        "{\"looks\": 'like json'} %s {0} ;DROP TABLE events--",
        "  outer spaces  ",
    )
    return [make_record(make_exposure(attributes={"text": text})) for text in texts]


def large_record(size: int) -> Record:
    """Return a record whose body is a little over ``size`` bytes."""
    return make_record(make_exposure(attributes={"text": "0123456789abcdef" * (size // 16)}))


def story() -> dict[str, Record]:
    """Return records that differ in type, experiment, subject, correlation and time, by name."""
    return {
        "exposure": make_record(
            make_exposure(experiment_name="checkout", subject_id="u-1"),
            timestamp=NOON,
            correlation_id="request-1",
        ),
        "outcome": make_record(
            make_outcome(experiment_name="checkout", subject_id="u-1"),
            timestamp=NOON + timedelta(hours=1),
            correlation_id="request-2",
        ),
        "other subject": make_record(
            make_exposure(experiment_name="checkout", subject_id="u-2"),
            timestamp=NOON + timedelta(hours=2),
        ),
        "other experiment": make_record(
            make_exposure(experiment_name="search", subject_id="u-1"),
            timestamp=NOON + timedelta(hours=3),
            correlation_id="request-1",
        ),
        "note": make_record(Note(text="closing time"), timestamp=NOON + timedelta(hours=4)),
    }
