"""What is hidden is nowhere in the record, and pseudonyms still join."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from experimentframework_core import codec
from experimentframework_core._gate.gate import Rules
from experimentframework_core._gate.redaction import Pseudonyms, Redactor
from experimentframework_core._gate.sampling import Sampler
from experimentframework_core.config import DataPlaneOptions, PiiRedactionOptions
from experimentframework_core.errors import InvalidEventError
from experimentframework_core.events import Payload, event
from experimentframework_core.testing import (
    FaultyBackplane,
    make_envelope,
    make_exposure,
    make_outcome,
)
from experimentframework_core.units import Secret
from tests.core._planes import envelopes, opened, sunk
from tests.core.event_strategies import own_registry

KEY = Secret("k3y")
SALT = "experimentframework.sampling.v1"


async def published(*events: msgspec.Struct, **redaction: Any) -> FaultyBackplane:
    """Publish the events under that redaction; return what delivered them."""
    faulty = FaultyBackplane()
    async with opened(faulty, pii_redaction=PiiRedactionOptions(**redaction)) as plane:
        for each in events:
            await plane.publish(each, metadata={"email": "a@b.c", "host": "h"})
    return faulty


def test_pseudonyms_are_hmac_sha256() -> None:
    """Given the second test case of RFC 4231, when a pseudonym is made, then it is that digest."""
    digest = Pseudonyms(b"Jefe").of("what do ya want for nothing?")

    assert digest == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5"), (True, "true"), ({"a": [1]}, '{"a":[1]}'), (1.5, "1.5")]
)
def test_a_pseudonym_of_another_value_is_of_its_json(value: object, text: str) -> None:
    """Given a value that is no text, when a pseudonym is made, then it is that of its JSON."""
    assert Pseudonyms(b"k").of(value) == hmac.new(b"k", text.encode(), hashlib.sha256).hexdigest()


async def test_the_subject_and_tenant_are_replaced_by_the_placeholder() -> None:
    """Given both switches, when an event is published, then neither id is anywhere."""
    faulty = await published(
        make_exposure(subject_id="ann-77", tenant_id="acme-99"),
        redact_subject_ids=True,
        redact_tenant_ids=True,
    )

    record = sunk(faulty)[0]
    assert (record.subject, record.tenant) == ("[REDACTED]", "[REDACTED]")
    assert b"ann-77" not in record.body
    assert b"acme-99" not in record.body
    assert codec.decode(record.body).payload.subject_id == "[REDACTED]"


async def test_an_own_placeholder_is_written() -> None:
    """Given a placeholder, when a subject is hidden, then that is written."""
    faulty = await published(make_exposure(), redact_subject_ids=True, redaction_placeholder="***")

    assert sunk(faulty)[0].subject == "***"


async def test_equal_subjects_have_equal_pseudonyms() -> None:
    """Given a hash key, when a subject has events of two types, then they join; others do not."""
    faulty = await published(
        make_exposure(subject_id="ann"),
        make_outcome(subject_id="ann"),
        make_outcome(subject_id="bob"),
        redact_subject_ids=True,
        hash_key=KEY,
    )

    ann, ann_again, bob = (record.subject for record in sunk(faulty))
    assert ann == ann_again == Pseudonyms(b"k3y").of("ann")
    assert bob == Pseudonyms(b"k3y").of("bob")
    assert not any(b'"ann"' in record.body for record in sunk(faulty))


async def test_named_fields_are_hidden_wherever_they_stand() -> None:
    """Given field names, when an event is published, they are hidden in fields and free fields."""
    faulty = await published(
        make_exposure(rule_path="/secret", attributes={"email": "x@y.z", "plan": "pro"}),
        redact_fields=("rulePath", "email"),
    )

    envelope = envelopes(faulty)[0]
    assert envelope.payload.rule_path == "[REDACTED]"
    assert envelope.payload.attributes == {"email": "[REDACTED]", "plan": "pro"}
    assert envelope.metadata == {"email": "[REDACTED]", "host": "h"}


async def test_an_absent_field_stays_absent() -> None:
    """Given a hidden field, when it is None, then no placeholder is written for it."""
    faulty = await published(
        make_exposure(), redact_fields=("rulePath", "email"), redact_tenant_ids=True
    )

    payload = envelopes(faulty)[0].payload
    assert (payload.rule_path, payload.tenant_id, payload.attributes) == (None, None, None)


async def test_the_callers_event_is_left_as_it_is() -> None:
    """Given redaction, when an event is published, then the caller's own object keeps its data."""
    attributes = {"email": "x@y.z"}
    exposure = make_exposure(subject_id="ann", attributes=attributes)

    await published(exposure, redact_subject_ids=True, redact_fields=("email",))

    assert exposure.subject_id == "ann"
    assert attributes == {"email": "x@y.z"}


async def test_envelopes_are_redacted_as_well() -> None:
    """Given redaction, when whole envelopes come, typed or not, then the ids are nowhere."""
    typed = make_envelope(make_exposure(subject_id="ann-77"), metadata={"email": "x@y.z"})
    plain = msgspec.structs.replace(
        typed,
        event_id="-",
        event_type="unknownHere",
        payload={"subjectId": "ann-77", "email": "x@y.z", "attributes": {"email": "x@y.z"}},
    )
    newer = msgspec.structs.replace(
        typed,
        event_id="+",
        schema_version="1.9.0",
        extra={"payload": {"email": "x@y.z"}, "email": "x@y.z"},
    )
    faulty = FaultyBackplane()
    redaction = PiiRedactionOptions(redact_subject_ids=True, redact_fields=("email",))

    async with opened(faulty, pii_redaction=redaction) as plane:
        for envelope in (typed, plain, newer):
            await plane.publish(envelope)

    assert len(sunk(faulty)) == 3
    for record in sunk(faulty):
        assert record.subject == "[REDACTED]"
        assert b"ann-77" not in record.body
        assert b"x@y.z" not in record.body


async def test_custom_payloads_are_redacted_as_well() -> None:
    """Given a custom payload, when its field is hidden by wire name, then it is."""
    faulty = FaultyBackplane()
    with own_registry():

        @event("signup")
        class Signup(Payload, frozen=True, kw_only=True):
            subject_id: str
            e_mail: str

        redaction = PiiRedactionOptions(redact_subject_ids=True, redact_fields=("eMail",))
        async with opened(faulty, pii_redaction=redaction) as plane:
            await plane.publish(Signup(subject_id="ann-77", e_mail="x@y.z"))

        payload = envelopes(faulty)[0].payload
        assert (payload.subject_id, payload.e_mail) == ("[REDACTED]", "[REDACTED]")


@pytest.mark.parametrize("hash_key", [None, KEY])
@pytest.mark.parametrize("subject", ["", 5, b"ann", object()])
async def test_redaction_does_not_make_a_bad_subject_good(
    subject: object, hash_key: Secret | None
) -> None:
    """Given a subject that is no text or empty, when it would be hidden, then it is refused."""
    redaction = PiiRedactionOptions(redact_subject_ids=True, hash_key=hash_key)
    faulty = FaultyBackplane()

    async with opened(faulty, pii_redaction=redaction) as plane:
        with pytest.raises(InvalidEventError) as caught:
            await plane.publish(make_exposure(subject_id=subject))

    assert caught.value.path == "subject_id"


@pytest.mark.parametrize(
    "value", [object(), {object(): 1}, {"a": object}], ids=["object", "key", "class"]
)
async def test_a_value_without_json_has_no_pseudonym(value: object) -> None:
    """Given a hash key, when a value to be hidden has no JSON form, then the event is refused."""
    redaction = PiiRedactionOptions(redact_fields=("email",), hash_key=KEY)
    faulty = FaultyBackplane()

    async with opened(faulty, pii_redaction=redaction) as plane:
        with pytest.raises(InvalidEventError, match="no JSON form"):
            await plane.publish(make_exposure(attributes={"email": value}))


@pytest.mark.parametrize("metadata", [[("email", 1)], "email", 5])
async def test_metadata_that_is_no_dict_is_refused(metadata: Any) -> None:
    """Given sampling and redaction, when the metadata is no dict, then the error names it."""
    faulty = FaultyBackplane()
    redaction = PiiRedactionOptions(redact_fields=("email",))

    async with opened(faulty, pii_redaction=redaction, sampling_rate=0.99999) as plane:
        with pytest.raises(InvalidEventError) as caught:
            await plane.publish(make_exposure(subject_id="ann"), metadata=metadata)

    assert caught.value.path.startswith("metadata")


async def test_sampling_sees_the_raw_subject() -> None:
    """Given a placeholder for all subjects, when half are sampled, the raw ids decide."""
    faulty = FaultyBackplane()
    redaction = PiiRedactionOptions(redact_subject_ids=True, redact_fields=("number",))
    sampler = Sampler(0.5, SALT)
    subjects = [str(number) for number in range(50)]

    async with opened(faulty, pii_redaction=redaction, sampling_rate=0.5) as plane:
        for subject in subjects:
            await plane.publish(make_outcome(subject_id=subject, attributes={"kept": subject}))

    assert [each.payload.attributes["kept"] for each in envelopes(faulty)] == [
        subject for subject in subjects if sampler.keeps(subject)
    ]


def test_nothing_to_hide_needs_no_redactor() -> None:
    """Given no redaction, when rules are made, then no redactor stands in the way."""
    assert Rules(DataPlaneOptions()).redactor is None
    assert not Redactor(PiiRedactionOptions(hash_key=KEY)).is_needed
