"""`@exposure`: records that whoever a function is called for was shown a variant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, Unpack, cast

from experimentframework_core._exposure.call import Call
from experimentframework_core._exposure.callee import is_async, name_of

if TYPE_CHECKING:
    from experimentframework_core._exposure.call import Plane
    from experimentframework_core._exposure.facts import ExposureFacts

P = ParamSpec("P")
R = TypeVar("R")

Arguments: TypeAlias = Mapping[str, object]
"""The arguments of a call by the names of the parameters, with the defaults."""

Variant: TypeAlias = str | Callable[[Arguments], str | None]
Chooser: TypeAlias = Callable[[tuple[object, ...], dict[str, object]], str | None]


def exposure(
    experiment_name: str,
    variant: Variant | None = None,
    *,
    parameter: str | None = None,
    result: Callable[..., str | None] | None = None,
    plane: Plane | None = None,
    **facts: Unpack[ExposureFacts],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record an exposure at each call of the function, async or not, that this decorates.

    The variant comes from one of ``variant``, ``parameter`` and ``result``; where it gives None,
    there is no exposure. It is recorded before the function is called, with ``result`` when it has
    returned. The function keeps its signature, so that a framework still fills its parameters.

    It never breaks the call: what cannot be recorded, because there is no plane, no subject, no
    room or no good variant, is logged and counted.

    Args:
        experiment_name: The experiment.
        variant: The variant, or what returns it, given the call's arguments by name.
        parameter: The function's parameter that is the variant.
        result: What returns the variant, given what the function returns.
        plane: The plane, or what returns it. None: see `current_plane`.
        facts: What else there is to say, as in `DataPlane.expose`.

    Raises:
        TypeError: None or more than one of the three was given, or one is of another type; the
            function has no such parameter, is a generator, or no function; or this stands above
            ``@classmethod`` or ``@staticmethod``.
    """
    _check(experiment_name, variant, parameter, result)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        call = Call(function, experiment_name, plane, facts)
        before = None if result is not None else _chooser(function, variant, parameter)
        if is_async(function):
            return cast("Callable[P, R]", _async_wrapper(function, call, before, result))
        return _sync_wrapper(function, call, before, result)

    return decorate


def _check(experiment: object, variant: object, parameter: object, result: object) -> None:
    if not isinstance(experiment, str):
        message = (
            f"@exposure: unexpected {type(experiment).__name__}; expected the experiment's name"
        )
        raise TypeError(message)
    if [variant, parameter, result].count(None) != 2:  # noqa: PLR2004 - of three
        message = f"@exposure({experiment!r}): give one of variant, parameter= and result="
        raise TypeError(message)
    for what, given, wanted, is_right in (
        ("variant", variant, "text or a function", isinstance(variant, str) or callable(variant)),
        ("parameter", parameter, "the name of one", isinstance(parameter, str)),
        ("result", result, "a function", callable(result)),
    ):
        if given is not None and not is_right:
            kind = type(given).__name__
            message = f"@exposure({experiment!r}): {what}: unexpected {kind}; expected {wanted}"
            raise TypeError(message)


def _chooser(
    function: Callable[..., object], variant: Variant | None, parameter: str | None
) -> Chooser:
    """Return what gives the variant of a call, of its arguments as they come."""
    if isinstance(variant, str):
        return lambda _args, _kwargs: variant
    signature = inspect.signature(function)
    if parameter is not None and parameter not in signature.parameters:
        names = list(signature.parameters)
        message = f"{name_of(function)} has no parameter {parameter!r}; it has {names}"
        raise TypeError(message)

    read: Callable[[Arguments], str | None] = variant or itemgetter(parameter)

    def choose(args: tuple[object, ...], kwargs: dict[str, object]) -> str | None:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return read(bound.arguments)

    return choose


def _async_wrapper(
    function: Callable[P, Any],
    call: Call,
    before: Chooser | None,
    result: Callable[..., str | None] | None,
) -> Callable[P, Any]:
    @wraps(function)
    async def recorded(*args: P.args, **kwargs: P.kwargs) -> object:
        if before is not None:
            await call.expose(before, args, kwargs)
        returned = await function(*args, **kwargs)
        if result is not None:
            await call.expose(result, returned)
        return returned

    return recorded


def _sync_wrapper(
    function: Callable[P, R],
    call: Call,
    before: Chooser | None,
    result: Callable[..., str | None] | None,
) -> Callable[P, R]:
    @wraps(function)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
        if before is not None:
            call.expose_sync(before, args, kwargs)
        returned = function(*args, **kwargs)
        if result is not None:
            call.expose_sync(result, returned)
        return returned

    return recorded
