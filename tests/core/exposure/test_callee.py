"""What is called has a name, and is known to be async or a generator, whatever it is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from experimentframework_core._exposure.callee import is_async, is_generator, name_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

HERE = __name__


def plain() -> None: ...


async def later() -> None: ...


def generated() -> Iterator[int]:
    yield 1


async def generated_later() -> AsyncIterator[int]:
    yield 1


class Plain:
    def __call__(self) -> None: ...


class Later:
    async def __call__(self) -> None: ...


class Generated:
    async def __call__(self) -> AsyncIterator[int]:
        yield 1


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (plain, f"{HERE}.plain"),
        (partial(partial(plain)), f"{HERE}.plain"),
        (Later(), f"{HERE}.Later"),
        (partial(Later()), f"{HERE}.Later"),
        (Later, f"{HERE}.Later"),
        (Later().__call__, f"{HERE}.Later.__call__"),
        (staticmethod(plain), f"{HERE}.plain"),
        (print, "builtins.print"),
        ([].append, "list.append"),
        (str.upper, "str.upper"),
        (Mock(), "unittest.mock.Mock"),
    ],
)
def test_it_has_a_name(function: object, name: str) -> None:
    found = name_of(function)

    assert found == name


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (plain, (False, False)),
        (later, (True, False)),
        (partial(later), (True, False)),
        (generated, (False, True)),
        (partial(generated_later), (False, True)),
        (Plain(), (False, False)),
        (partial(Later()), (True, False)),
        (Later, (False, False)),
        (Generated(), (False, True)),
        (print, (False, False)),
    ],
)
def test_its_kind_is_known(function: Callable[..., object], found: tuple[bool, bool]) -> None:
    kinds = (is_async(function), is_generator(function))

    assert kinds == found
