"""The exposures of a decorated function: recorded if that is possible, and never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from experimentframework_core._exposure.callee import is_generator, name_of
from experimentframework_core._exposure.current import current_plane
from experimentframework_core._exposure.facts import ExposureFacts, check_facts
from experimentframework_core._exposure.recorder import NO_SUBJECT
from experimentframework_core._exposure.subject import is_anonymous
from experimentframework_core._log import Repeated, placed
from experimentframework_core.errors import DataPlaneClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core.plane import DataPlane

Plane: TypeAlias = "DataPlane | Callable[[], DataPlane]"


class Call:
    """Records the exposures of one function, and never raises."""

    def __init__(
        self,
        function: Callable[..., object],
        experiment: str,
        plane: Plane | None,
        facts: ExposureFacts,
    ) -> None:
        """Record what ``function`` shows.

        Args:
            function: The function.
            experiment: The experiment.
            plane: The plane, or what returns it. None: the current one.
            facts: What else there is to say of each exposure.

        Raises:
            TypeError: The function is none, or a generator, or a method's decorator came first;
                the plane is none; or a fact is none of an exposure's.
        """
        _check(function)
        _check_plane(plane)
        check_facts(facts)
        self._name = name_of(function)
        self._experiment = experiment
        self._given = plane
        self._facts = facts
        self._warnings = Repeated()

    async def expose(self, variant_of: Callable[..., str | None], *given: object) -> None:
        """Record an exposure of what ``variant_of`` makes of the rest."""
        plane = None
        try:
            plane = self._plane()
            variant = self._wanted(plane, variant_of, given)
            if variant is not None:
                await plane.exposures.expose(self._experiment, variant, self._facts)
        except Exception as error:  # noqa: BLE001 - the call goes on, whatever it is
            self._not_recorded(plane, error)

    def expose_sync(self, variant_of: Callable[..., str | None], *given: object) -> None:
        """Do what `expose` does in synchronous code."""
        plane = None
        try:
            plane = self._plane()
            variant = self._wanted(plane, variant_of, given)
            if variant is not None:
                plane.exposures.expose_sync(self._experiment, variant, self._facts)
        except Exception as error:  # noqa: BLE001 - the call goes on, whatever it is
            self._not_recorded(plane, error)

    def _plane(self) -> DataPlane:
        given = self._given
        if given is None:
            return current_plane()
        return given() if callable(given) else given

    def _wanted(
        self, plane: DataPlane, variant_of: Callable[..., str | None], given: tuple[object, ...]
    ) -> str | None:
        """Return the variant if there is one, and somebody to whom it was shown."""
        try:
            variant = variant_of(*given)
        except Exception:
            plane.exposures.reject()
            raise
        if variant is not None and self._facts.get("subject") is None and is_anonymous():
            plane.exposures.filter(NO_SUBJECT)
            return None
        return variant

    def _not_recorded(self, plane: DataPlane | None, error: Exception) -> None:
        if plane is not None and isinstance(error, DataPlaneClosedError):
            # All else is counted where it fails; a closed plane counts nothing by itself.
            plane.exposures.reject()
        self._warnings.warning(
            "experimentframework.exposure_not_recorded",
            experiment=self._experiment,
            function=self._name,
            error=placed(error),
        )


def _check(function: object) -> None:
    if isinstance(function, classmethod | staticmethod):
        kind = type(function).__name__
        message = f"{name_of(function)}: put @exposure below @{kind}, next to the function"
        raise TypeError(message)
    if not callable(function):
        message = f"@exposure: unexpected {type(function).__name__}; expected a function below it"
        raise TypeError(message)
    if is_generator(function):
        message = f"{name_of(function)} is a generator: decorate what calls it"
        raise TypeError(message)


def _check_plane(plane: object) -> None:
    if not (plane is None or callable(plane) or hasattr(plane, "exposures")):
        kind = type(plane).__name__
        message = f"plane: unexpected {kind}; expected a DataPlane, or a function that returns one"
        raise TypeError(message)
