# ruff: noqa: S101  the cases of the kit are tests
"""The conformance kit: every case that a plugin should pass before it is used in earnest."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Generic

from experimentframework_core.plugin import OptionsT
from experimentframework_core.testing._cases._cut_short import CutShortCases
from experimentframework_core.testing._cases._delivery import DeliveryCases
from experimentframework_core.testing._cases._guarantees import GuaranteeCases
from experimentframework_core.testing._cases._opening import OpeningCases
from experimentframework_core.testing._cases._plane import PlaneCases
from experimentframework_core.testing._cases._reading import ReadingCases
from experimentframework_core.testing._cases._resuming import ResumingCases
from experimentframework_core.testing._cases._shape import ShapeCases

if TYPE_CHECKING:
    import pytest


class BackplaneConformance(
    ShapeCases[OptionsT],
    OpeningCases[OptionsT],
    DeliveryCases[OptionsT],
    GuaranteeCases[OptionsT],
    CutShortCases[OptionsT],
    ReadingCases[OptionsT],
    ResumingCases[OptionsT],
    PlaneCases[OptionsT],
    Generic[OptionsT],
):
    """Subclass it in a test file, and pytest runs the plugin through every standard case.

    ::

        class TestJsonLines(BackplaneConformance[JsonLinesOptions]):
            plugin = plugin

            @pytest.fixture
            def options(self, tmp_path: Path) -> JsonLinesOptions:
                return JsonLinesOptions(path=str(tmp_path / "events.jsonl"))

    The plugin's ``features`` say what is checked: exactly the declared guarantees. A case that
    the plugin cannot pass is overridden and marked ``@pytest.mark.xfail(reason="…")``; one that
    is removed or emptied in any other way makes `test_no_case_is_left_out` fail.
    """

    async def test_no_case_is_left_out(self) -> None:
        """Every standard case is the kit's own, or an override that is marked xfail, with why."""
        changed = [
            name
            for name, case in _cases(BackplaneConformance).items()
            if getattr(type(self), name, None) is not case
        ]

        assert [name for name in changed if not _excused(getattr(type(self), name, None))] == []


def _cases(kit: type) -> dict[str, object]:
    return {
        name: case
        for name, case in inspect.getmembers(kit, inspect.isfunction)
        if name.startswith("test_")
    }


def _excused(case: object) -> bool:
    marks: list[pytest.Mark] = getattr(case, "pytestmark", [])
    return callable(case) and any(
        mark.name == "xfail" and not mark.args and mark.kwargs.get("reason") for mark in marks
    )
