"""`@exposure` records a call's exposure, and never breaks the call."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from experimentframework_core import DataPlane
from experimentframework_core.exposure import Subject, current_plane, exposure, identify
from experimentframework_core.sync import SyncDataPlane
from experimentframework_core.testing import FaultyBackplane, Sink
from tests.core._planes import envelopes, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture
def faulty() -> FaultyBackplane:
    return FaultyBackplane()


@pytest.fixture
async def plane(faulty: FaultyBackplane) -> AsyncIterator[DataPlane]:
    async with opened(faulty) as plane:
        yield plane


async def recorded(plane: DataPlane, faulty: FaultyBackplane) -> list[tuple[str, str]]:
    """Return subject and variant of each exposure so far."""
    await plane.flush()
    found = [each.payload for each in envelopes(faulty)]
    return [(each.subject_id, each.variant_key) for each in found]


@exposure("checkout", "express")
async def constant(amount: int) -> int:
    """Double."""
    return amount * 2


@exposure("checkout", "express")
def constant_sync(amount: int) -> int:
    return amount * 2


@exposure("checkout", parameter="variant")
async def by_parameter(amount: int, variant: str | None = "control") -> int:
    return amount * 2


@exposure("checkout", lambda call: f"v{call['amount']}")
async def by_arguments(amount: int = 7) -> int:
    return amount * 2


@exposure("checkout", result=lambda doubled: f"r{doubled}")
async def by_result(amount: int) -> int:
    return amount * 2


@exposure("checkout", result=lambda doubled: f"r{doubled}")
def by_result_sync(amount: int) -> int:
    return amount * 2


@pytest.mark.parametrize(
    ("call", "variant"),
    [
        (lambda: constant(4), "express"),
        (lambda: asyncio.to_thread(constant_sync, 4), "express"),
        (lambda: by_parameter(4, "treatment"), "treatment"),
        (lambda: by_parameter(amount=4), "control"),
        (lambda: by_arguments(4), "v4"),
        (lambda: by_result(4), "r8"),
        (lambda: asyncio.to_thread(by_result_sync, 4), "r8"),
    ],
)
async def test_a_call_is_an_exposure(
    plane: DataPlane, faulty: FaultyBackplane, call: Callable[[], Any], variant: str
) -> None:
    """Given a decorated function, When it is called, Then its exposure has the variant meant."""
    with identify("u-1"):
        returned = await call()

    assert returned == 8
    assert await recorded(plane, faulty) == [("u-1", variant)]


class LateDoubler:
    async def __call__(self, amount: int) -> int:
        return amount * 2


async def multiplied(factor: int, amount: int) -> int:
    return amount * factor


@pytest.mark.parametrize(
    "function",
    [
        functools.partial(multiplied, 2),
        functools.partial(functools.partial(multiplied), factor=2),
        functools.partial(LateDoubler()),
        LateDoubler(),
        LateDoubler().__call__,
    ],
)
async def test_what_is_called_as_a_function_may_be_decorated(
    plane: DataPlane, faulty: FaultyBackplane, function: Callable[..., Any]
) -> None:
    """Given a partial or an object, When it is decorated and called, Then that is an exposure."""
    wrapped = exposure("checkout", result=lambda doubled: f"r{doubled}")(function)

    with identify("u-1"):
        returned = await wrapped(amount=4)

    assert returned == 8
    assert inspect.iscoroutinefunction(wrapped)
    assert await recorded(plane, faulty) == [("u-1", "r8")]


async def test_a_synchronous_function_may_be_called_on_the_loop(
    plane: DataPlane, faulty: FaultyBackplane
) -> None:
    with identify("u-1"):
        returned = constant_sync(4)

    assert returned == 8
    assert await recorded(plane, faulty) == [("u-1", "express")]


async def test_without_a_variant_there_is_no_exposure(
    plane: DataPlane, faulty: FaultyBackplane, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a call of somebody outside the experiment, When it is made, Then nothing is counted."""
    with identify("u-1"):
        await by_parameter(4, None)

    assert plane.statistics().published == 0
    assert caplog.records == []


async def test_the_exposure_comes_before_what_the_function_publishes(
    plane: DataPlane, faulty: FaultyBackplane
) -> None:
    """Given a function that records something itself, When it is called, Then that comes second."""

    @exposure("checkout", "express")
    async def handler() -> None:
        await plane.expose("other", "inner")

    with identify("u-1"):
        await handler()

    assert await recorded(plane, faulty) == [("u-1", "express"), ("u-1", "inner")]


async def test_facts_go_with_it(plane: DataPlane, faulty: FaultyBackplane) -> None:
    @exposure("checkout", "express", subject=Subject("given"), selection_reason="rule")
    async def handler() -> None: ...

    await handler()

    assert await recorded(plane, faulty) == [("given", "express")]
    assert envelopes(faulty)[0].payload.selection_reason == "rule"


@pytest.mark.parametrize("how", [lambda plane: plane, lambda plane: lambda: plane])
async def test_the_plane_may_be_named(
    plane: DataPlane, faulty: FaultyBackplane, how: Callable[[DataPlane], Any]
) -> None:
    """Given two open planes, When the decorator names one, Then that one records it."""

    @exposure("checkout", "express", plane=how(plane))
    async def handler() -> None: ...

    async with DataPlane(backplane=Sink()) as other:
        with identify("u-1"):
            await handler()

    assert await recorded(plane, faulty) == [("u-1", "express")]
    assert other.statistics().published == 0


@pytest.mark.parametrize("function", [constant, by_parameter, constant_sync])
def test_a_function_keeps_what_frameworks_read(function: Any) -> None:
    """Given a decorated function, When it is inspected, Then it looks like the one inside."""
    inside = function.__wrapped__

    assert inspect.signature(function) == inspect.signature(inside)
    assert inspect.iscoroutinefunction(function) == inspect.iscoroutinefunction(inside)
    assert (function.__name__, function.__doc__) == (inside.__name__, inside.__doc__)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what gives the warnings so far."""
    return lambda: [each.message for each in caplog.records if each.levelno >= logging.WARNING]


async def test_without_a_plane_the_call_goes_on(warnings: Callable[[], list[str]]) -> None:
    """Given no plane, When decorated functions are called twice, Then each says so once."""

    @exposure("checkout", "express")
    async def handler() -> str:
        return "page"

    with identify("u-1"):
        pages = [await handler(), await handler()]

    assert pages == ["page", "page"]
    (warning,) = warnings()
    assert "experimentframework.exposure_not_recorded experiment='checkout'" in warning
    assert "handler" in warning
    assert "no DataPlane is open in this process" in warning


async def test_without_a_subject_the_call_goes_on(
    plane: DataPlane, warnings: Callable[[], list[str]]
) -> None:
    """Given an app without middleware, When a call is made, Then it is logged and rejected."""

    @exposure("checkout", "express")
    async def handler() -> str:
        return "page"

    page = await handler()

    assert page == "page"
    assert "SubjectMiddleware" in warnings()[0]
    assert plane.statistics().rejected == 1


async def test_of_nobody_there_is_no_exposure(
    plane: DataPlane, warnings: Callable[[], list[str]]
) -> None:
    """Given that the middleware found nobody, When calls are made, Then that is only counted."""
    with identify(None):
        await constant(4)
        await asyncio.to_thread(constant_sync, 4)

    assert plane.statistics().filtered == {"noSubject": 2}
    assert warnings() == []


async def test_what_chooses_the_variant_may_fail(
    plane: DataPlane, warnings: Callable[[], list[str]]
) -> None:
    """Given code that fails on a user's data, When it is called, Then the log has none of it."""

    @exposure("checkout", lambda call: int(str(call["user"])))  # type: ignore[arg-type]
    def handler(user: str) -> str:
        return "page"

    with identify("u-1"):
        page = handler("secret-user")

    assert page == "page"
    assert re.search(r"error='ValueError at .*test_decorator\.py:\d+'", warnings()[0])
    assert "secret-user" not in warnings()[0]
    assert plane.statistics().rejected == 1


async def test_a_bad_variant_is_rejected_and_the_call_goes_on(
    plane: DataPlane, warnings: Callable[[], list[str]]
) -> None:
    with identify("u-1"):
        returned = await by_parameter(4, "x" * 200)

    assert returned == 8
    assert "variant_key" in warnings()[0]
    assert plane.statistics().rejected == 1


async def test_an_error_of_the_function_is_its_own(
    plane: DataPlane, faulty: FaultyBackplane
) -> None:
    """Given a function that raises, When it is called, Then the caller gets just that."""

    @exposure("checkout", "express")
    async def handler() -> None:
        raise KeyError("mine")

    with identify("u-1"), pytest.raises(KeyError, match="mine"):
        await handler()

    assert await recorded(plane, faulty) == [("u-1", "express")]


@pytest.mark.parametrize(
    "given", [{}, {"variant": "x", "parameter": "v"}, {"result": str, "variant": "x"}]
)
def test_one_source_of_the_variant_is_needed(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="give one of variant, parameter= and result="):
        exposure("checkout", **given)


def test_an_unknown_parameter_is_said_when_it_is_decorated() -> None:
    with pytest.raises(TypeError, match=r"has no parameter 'variant'; it has \['user'\]"):

        @exposure("checkout", parameter="variant")
        def handler(user: str) -> None: ...


def test_a_generator_is_refused() -> None:
    with pytest.raises(TypeError, match="is a generator"):

        @exposure("checkout", "express")
        def handler() -> Iterator[int]:
            yield 1


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
def test_above_a_methods_decorator_it_is_refused(kind: Any) -> None:
    """Given the decorators in the wrong order, When a class is made, Then the order is said."""

    def handler(page: object) -> None: ...

    method = kind(handler)

    with pytest.raises(TypeError, match=rf"handler: put @exposure below @{kind.__name__}"):
        exposure("checkout", "express")(method)


async def test_below_a_methods_decorator_it_works(
    plane: DataPlane, faulty: FaultyBackplane
) -> None:
    """Given methods of each kind, When they are called, Then each call is an exposure."""

    class Page:
        @classmethod
        @exposure("checkout", "class")
        async def of_class(cls) -> type:
            return cls

        @staticmethod
        @exposure("checkout", "static")
        async def static() -> None: ...

        @exposure("checkout", "plain")
        async def plain(self) -> None: ...

    with identify("u-1"):
        owner = await Page.of_class()
        await Page.static()
        await Page().plain()

    assert owner is Page
    assert [variant for _, variant in await recorded(plane, faulty)] == ["class", "static", "plain"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"variant": 3}, r"@exposure\('checkout'\): variant: unexpected int; expected text or a"),
        ({"parameter": 3}, "parameter: unexpected int; expected the name of one"),
        ({"result": "page"}, "result: unexpected str; expected a function"),
        (
            {"variant": "x", "plane": 3},
            "plane: unexpected int; expected a DataPlane, or a",
        ),
        (
            {"variant": "x", "plane": SyncDataPlane(backplane=Sink())},
            "plane: unexpected SyncDataPlane; expected a DataPlane",
        ),
    ],
)
def test_a_mistake_is_said_when_it_is_decorated(given: dict[str, Any], said: str) -> None:
    """Given an argument of another type, When a function is decorated, Then that is refused."""
    with pytest.raises(TypeError, match=said):
        exposure("checkout", **given)(print)


def test_what_is_no_function_is_refused() -> None:
    """Given the parentheses left out, or a property below, When it is decorated, it is refused."""
    bare: Any = exposure
    no_function: Any = property(lambda page: page)

    with pytest.raises(TypeError, match="unexpected builtin_function_or_method; expected the exp"):
        bare(print)
    with pytest.raises(TypeError, match="unexpected property; expected a function below it"):
        exposure("checkout", "express")(no_function)


async def test_what_a_closed_plane_does_not_take_is_counted(
    warnings: Callable[[], list[str]],
) -> None:
    """Given a plane that is named and closed, When a call is made, Then it counts as rejected."""
    async with DataPlane(backplane=Sink()) as closed:
        pass

    @exposure("checkout", "express", plane=closed)
    async def handler() -> str:
        return "page"

    with identify("u-1"):
        page = await handler()

    assert page == "page"
    assert "experimentframework.exposure_not_recorded" in warnings()[0]
    assert closed.statistics().rejected == 1


async def test_the_current_plane_is_the_fixtures(plane: DataPlane) -> None:
    """Given one plane of a test, When a decorator looks for it, Then no test has left another."""
    found = current_plane()

    assert found is plane
