"""Test classes that leave out a case, or excuse it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.conformance.bad_plugins.base import Bad

if TYPE_CHECKING:
    from tests.conformance.reference_plugin import FileOptions


class RemovesACase(Bad):
    fails: ClassVar = {"test_no_case_is_left_out"}
    test_delivers_one_record = None  # type: ignore[assignment]


class EmptiesACase(Bad):
    fails: ClassVar = {"test_no_case_is_left_out"}

    async def test_delivers_one_record(self, options: FileOptions) -> None:
        pass


class SkipsACase(Bad):
    fails: ClassVar = {"test_no_case_is_left_out"}

    @pytest.mark.skip(reason="it does not pass")
    async def test_delivers_one_record(self, options: FileOptions) -> None:
        await super().test_delivers_one_record(options)


class ExcusesACaseWithoutReason(Bad):
    fails: ClassVar = {"test_no_case_is_left_out"}

    @pytest.mark.xfail
    async def test_delivers_one_record(self, options: FileOptions) -> None:
        raise AssertionError


class ExcusesACaseWithReason(Bad):
    """This is allowed."""

    fails: ClassVar[set[str]] = set()

    @pytest.mark.xfail(reason="the destination takes pairs only")
    async def test_delivers_one_record(self, options: FileOptions) -> None:
        raise AssertionError
