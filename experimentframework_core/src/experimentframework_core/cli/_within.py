"""The first or the last of many things, without holding more of them than are wanted."""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

T = TypeVar("T")


async def within(
    things: AsyncGenerator[T, None], limit: int | None, *, newest: bool
) -> AsyncGenerator[T, None]:
    """Yield the first ``limit`` things, or the last ones, in their order; without a limit all."""
    last: deque[T] = deque(maxlen=limit)
    number = 0
    async with aclosing(things):
        async for thing in things:
            if newest and limit is not None:
                last.append(thing)
                continue
            yield thing
            number += 1
            if number == limit:
                return
    for thing in last:
        yield thing
