"""The current subject: set for a while, for what is started there, and taken back."""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experimentframework_core import InvalidEventError
from experimentframework_core.codec import explain
from experimentframework_core.exposure import Subject, current_subject, identify
from experimentframework_core.testing import make_exposure


def test_nobody_is_the_subject_at_first() -> None:
    found = current_subject()

    assert found is None


def test_it_is_set_for_the_block() -> None:
    """Given an outer subject, When an inner one is set and left, Then each is there in turn."""
    outer, inner = Subject("u-1"), Subject("u-2", tenant_id="acme")

    with identify(outer):
        with identify(inner):
            inside = current_subject()
        behind = current_subject()

    assert (inside, behind, current_subject()) == (inner, outer, None)


def test_it_is_taken_back_when_the_block_fails() -> None:
    with pytest.raises(KeyError), identify("u-1"):
        raise KeyError

    assert current_subject() is None


def test_an_id_is_enough() -> None:
    with identify("u-1") as subject:
        found = current_subject()

    assert found == subject == Subject("u-1")


def test_none_hides_who_is_around() -> None:
    with identify("u-1"), identify(None):
        found = current_subject()

    assert found is None


async def test_tasks_side_by_side_have_each_their_own() -> None:
    """Given tasks that wait for each other, When each identifies one, Then none sees another."""
    barrier = asyncio.Barrier(3)

    async def request(user: str) -> str | None:
        with identify(user):
            await barrier.wait()
            await asyncio.sleep(0)
            found = current_subject()
        return found.subject_id if found else None

    found = await asyncio.gather(*map(request, ("a", "b", "c")))

    assert found == ["a", "b", "c"]


async def test_what_asyncio_starts_inherits_it() -> None:
    with identify("u-1"):
        in_thread = await asyncio.to_thread(current_subject)
        in_task = await asyncio.create_task(asyncio.to_thread(current_subject))

    assert in_thread == in_task == Subject("u-1")


def test_another_thread_has_its_own() -> None:
    """Given a subject here, When a thread looks, Then it sees nobody; it may set its own."""
    seen: list[Subject | None] = []

    def work() -> None:
        seen.append(current_subject())
        with identify("other"):
            seen.append(current_subject())

    with identify("here"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        here = current_subject()

    assert seen == [None, Subject("other")]
    assert here == Subject("here")


def test_it_may_be_left_in_another_context() -> None:
    """Given a block entered in one context, When it is left in another, Then nothing fails."""
    block = identify("u-1")
    Context().run(block.__enter__)

    block.__exit__(None, None, None)

    assert current_subject() is None


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ({"subject_id": ""}, "subject_id: 0 characters; it takes 1 to 256"),
        ({"subject_id": "x" * 257}, "subject_id: 257 characters; it takes 1 to 256"),
        ({"subject_id": 7}, "subject_id: unexpected int; expected text"),
        ({"subject_id": "u\ud800"}, "subject_id: text that UTF-8 cannot encode"),
        ({"subject_id": "u", "tenant_id": ""}, "tenant_id: 0 characters; it takes 1 to 256"),
        ({"subject_id": "u", "subject_type": 4}, "subject_type: unexpected int; expected text"),
        (
            {"subject_id": "u", "subject_type": "\ud800"},
            "subject_type: text that UTF-8 cannot encode",
        ),
        (
            {"subject_id": "u", "attributes": "zz"},
            "attributes: expected `object | null`, got `str`",
        ),
        (
            {"subject_id": "u", "attributes": {"price": float("nan")}},
            "attributes.price: nan is not finite, and JSON has no form for it",
        ),
        (
            {"subject_id": "u", "attributes": {"a": {"b": "\ud800"}}},
            "attributes.a.b: the text holds half of a surrogate pair, which UTF-8 cannot carry",
        ),
        (
            {"subject_id": "u", "attributes": {"a": object()}},
            (
                "attributes.a: object has no JSON form here;"
                " give text, a number, a bool, None, a list or a dict"
            ),
        ),
    ],
)
def test_what_no_event_takes_is_refused_at_once(subject: dict[str, Any], said: str) -> None:
    """Given what no event takes, When a subject is made of it, Then that is said at once."""
    with pytest.raises(InvalidEventError) as caught:
        Subject(**subject)

    assert str(caught.value) == said


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=3) | st.integers(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
            lambda inside: st.lists(inside) | st.dictionaries(st.text(max_size=3), inside),
            max_leaves=5,
        ),
    )
)
def test_a_subject_takes_what_an_event_takes(attributes: Any) -> None:
    """Given any attributes, When a subject has them, Then it is refused just where events are."""
    event = explain(make_exposure(attributes=attributes))

    try:
        refused = None
        Subject("u-1", attributes=attributes)
    except InvalidEventError as error:
        refused = error

    assert str(refused) == str(event)


def test_what_is_no_subject_is_refused() -> None:
    number: Any = 7

    with pytest.raises(InvalidEventError, match="subject_id: unexpected int"), identify(number):
        pass
