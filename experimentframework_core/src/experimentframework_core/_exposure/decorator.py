"""`@exposure`: records that whoever a function is called for was shown a variant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, Unpack, cast

from experimentframework_core._exposure.current import current_plane
from experimentframework_core._exposure.recorder import NO_SUBJECT, ExposureFacts
from experimentframework_core._exposure.subject import is_anonymous
from experimentframework_core._log import Repeated, placed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plane import DataPlane

P = ParamSpec("P")
R = TypeVar("R")

Arguments: TypeAlias = Mapping[str, object]
"""The arguments of a call by the names of the parameters, with the defaults."""

Variant: TypeAlias = str | Callable[[Arguments], str | None]
Plane: TypeAlias = "DataPlane | Callable[[], DataPlane]"


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
        TypeError: None or more than one of the three was given, or the function has no such
            parameter, or is a generator.
    """
    if [variant, parameter, result].count(None) != 2:  # noqa: PLR2004 - of three
        message = f"@exposure({experiment_name!r}): give one of variant, parameter= and result="
        raise TypeError(message)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        chosen = _by_name(function, parameter) if parameter is not None else variant
        call = _Call(function, experiment_name, plane, facts)
        if inspect.iscoroutinefunction(function):
            return cast("Callable[P, R]", _async_wrapper(function, call, chosen, result))
        return _sync_wrapper(function, call, chosen, result)

    return decorate


def _by_name(function: Callable[..., object], parameter: str) -> Callable[[Arguments], str]:
    if parameter not in (names := inspect.signature(function).parameters):
        message = f"{function.__qualname__} has no parameter {parameter!r}; it has {list(names)}"
        raise TypeError(message)
    return lambda arguments: cast("str", arguments[parameter])


def _async_wrapper(
    function: Callable[P, Any],
    call: _Call,
    chosen: Variant | None,
    result: Callable[..., str | None] | None,
) -> Callable[P, Any]:
    @wraps(function)
    async def recorded(*args: P.args, **kwargs: P.kwargs) -> object:
        if chosen is not None:
            await call.expose(lambda: call.variant_of(chosen, args, kwargs))
        returned = await function(*args, **kwargs)
        if result is not None:
            await call.expose(lambda: result(returned))
        return returned

    return recorded


def _sync_wrapper(
    function: Callable[P, R],
    call: _Call,
    chosen: Variant | None,
    result: Callable[..., str | None] | None,
) -> Callable[P, R]:
    @wraps(function)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
        if chosen is not None:
            call.expose_sync(lambda: call.variant_of(chosen, args, kwargs))
        returned = function(*args, **kwargs)
        if result is not None:
            call.expose_sync(lambda: result(returned))
        return returned

    return recorded


class _Call:
    """Records the exposures of one decorated function, and never raises."""

    def __init__(
        self,
        function: Callable[..., object],
        experiment: str,
        plane: Plane | None,
        facts: ExposureFacts,
    ) -> None:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            message = f"{function.__qualname__} is a generator: decorate what calls it"
            raise TypeError(message)
        self._signature = inspect.signature(function)
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._experiment = experiment
        self._given = plane
        self._facts = facts
        self._warnings = Repeated()

    def variant_of(
        self, chosen: Variant, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> str | None:
        if isinstance(chosen, str):
            return chosen
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return chosen(bound.arguments)

    async def expose(self, variant_of: Callable[[], str | None]) -> None:
        with self._or_logged():
            plane = self._plane()
            if (variant := self._wanted(plane, variant_of)) is not None:
                await plane.expose(self._experiment, variant, **self._facts)

    def expose_sync(self, variant_of: Callable[[], str | None]) -> None:
        with self._or_logged():
            plane = self._plane()
            if (variant := self._wanted(plane, variant_of)) is not None:
                plane.expose_sync(self._experiment, variant, **self._facts)

    def _plane(self) -> DataPlane:
        given = self._given
        if given is None:
            return current_plane()
        return given() if callable(given) else given

    def _wanted(self, plane: DataPlane, variant_of: Callable[[], str | None]) -> str | None:
        """Return the variant if there is one, and somebody to whom it was shown."""
        try:
            variant = variant_of()
        except Exception:
            plane.exposures.reject()
            raise
        if variant is not None and self._facts.get("subject") is None and is_anonymous():
            plane.exposures.filter(NO_SUBJECT)
            return None
        return variant

    @contextmanager
    def _or_logged(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the call goes on, whatever it is
            self._warnings.warning(
                "experimentframework.exposure_not_recorded",
                experiment=self._experiment,
                function=self._name,
                error=placed(error),
            )
