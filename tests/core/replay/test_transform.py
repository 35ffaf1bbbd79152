"""Functions that change events on their way."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from experimentframework_core._replay.transform import transform_named, transformed
from experimentframework_core.codec import decode, encode_record
from experimentframework_core.errors import ReplayError
from experimentframework_core.testing import make_exposure, make_record

if TYPE_CHECKING:
    from pathlib import Path

    from experimentframework_core.envelope import Envelope


def test_what_is_returned_as_it_was_given_keeps_its_bytes() -> None:
    """Given an old version's bytes, When the envelope comes back, Then the record is the same."""
    record = make_record()

    result = transformed(record, lambda envelope: envelope)

    assert result is record


def test_what_is_changed_is_encoded_with_its_id() -> None:
    """Given a function that names another subject, When it is used, Then the record has it."""
    record = make_record()

    def rename(envelope: Envelope) -> Envelope:
        return msgspec.structs.replace(envelope, payload=make_exposure(subject_id="other"))

    result = transformed(record, rename)

    assert result is not None
    assert (result.event_id, result.subject) == (record.event_id, "other")
    assert decode(result.body).timestamp == record.timestamp


def test_none_leaves_the_event_out() -> None:
    """Given a function that returns None, When it is used, Then there is no record."""
    assert transformed(make_record(), lambda _: None) is None


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"a": 1}, "returned a dict; expected an Envelope or None"),
        (True, "returned a bool; expected an Envelope or None"),
    ],
)
def test_a_wrong_result_is_named(result: object, said: str) -> None:
    """Given a function that returns no envelope, When it is used, Then it says what came."""
    record = make_record()

    with pytest.raises(ReplayError, match=said) as told:
        transformed(record, lambda _: result)  # type: ignore[arg-type,return-value]  # the point

    assert record.event_id in str(told.value)
    assert "the transform" in str(told.value)


def test_the_event_id_must_stay() -> None:
    """Given a function that gives a new id, When it is used, Then that is refused."""

    def renew(envelope: Envelope) -> Envelope:
        return msgspec.structs.replace(envelope, event_id="new")

    with pytest.raises(ReplayError, match=r"returned the event id 'new'; it must stay"):
        transformed(make_record(), renew)


def test_what_has_no_wire_form_is_named() -> None:
    """Given a function that returns a number that is not finite, When used, Then it is refused."""

    def spoil(envelope: Envelope) -> Envelope:
        return msgspec.structs.replace(envelope, metadata={"n": float("nan")})

    with pytest.raises(ReplayError, match=r"returned what has no wire form: .*metadata"):
        transformed(make_record(), spoil)


def test_what_it_raises_is_named() -> None:
    """Given a function that fails, When it is used, Then its error is told with the event."""

    def fail(_: Envelope) -> Envelope:
        raise KeyError("country")

    with pytest.raises(ReplayError, match=r"fail of event .* raised KeyError: 'country'"):
        transformed(make_record(), fail)


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()])
def test_what_it_raises_ends_nothing_unnamed(error: BaseException) -> None:
    """Given a function that would end the program, When it is used, Then that is told too."""

    def end(_: Envelope) -> Envelope:
        raise error

    with pytest.raises(ReplayError, match=rf"of event .* raised {type(error).__name__}"):
        transformed(make_record(), end)


def test_a_payload_that_does_not_fit_its_type_is_refused() -> None:
    """Given a function that spoils the payload, When it is used, Then it says what is wrong."""

    def spoil(envelope: Envelope) -> Envelope:
        return msgspec.structs.replace(envelope, payload=5)

    with pytest.raises(ReplayError, match=r"does not fit its type: payload: a JSON object is"):
        transformed(make_record(), spoil)


def test_a_payload_that_never_fitted_may_go_on() -> None:
    """Given such an event, When only its metadata is changed, Then it is as it was else."""
    record = encode_record(msgspec.structs.replace(decode(make_record().body), payload={"a": 1}))

    result = transformed(record, lambda each: msgspec.structs.replace(each, metadata={"b": 2}))

    assert result is not None
    assert decode(result.body).payload == {"a": 1}


def test_an_async_function_is_told() -> None:
    """Given a coroutine function, When it is used, Then it says what to write instead."""

    async def later(envelope: Envelope) -> Envelope:
        return envelope

    with pytest.raises(ReplayError, match="returned a coroutine; write def, not async def"):
        transformed(make_record(), later)  # type: ignore[arg-type]  # the point


def test_a_function_of_the_current_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a module in the current folder, When its function is named, Then it is that one."""
    (tmp_path / "of_this_test.py").write_text("def drop(envelope):\n    return None\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])

    found = transform_named("of_this_test:drop")

    assert transformed(make_record(), found) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("json", "'json' names no function; write module:function"),
        (":loads", "names no function"),
        ("json:", "names no function"),
        ("no_such_module:f", "cannot import .* ModuleNotFoundError: No module named"),
        ("json:no_such", "cannot import .* AttributeError"),
        ("sys:path", "'sys:path' is a list, not a function"),
    ],
)
def test_what_names_no_function_is_refused(name: str, said: str) -> None:
    """Given a name that leads nowhere, When it is looked up, Then it says why."""
    with pytest.raises(ReplayError, match=re.compile(said)):
        transform_named(name)
