"""Delivers as a channel does: what failed for now comes again, in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core.errors import PartialBatchError, TransientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane


async def deliver_all(backplane: Backplane, batch: Sequence[Record], *, pause: float = 0.01) -> int:
    """Deliver until all is confirmed; return how many calls failed.

    Args:
        backplane: What delivers.
        batch: The records.
        pause: Seconds after a call of which nothing is confirmed.
    """
    left, failed = list(batch), 0
    while left:
        try:
            await backplane.deliver(left)
        except PartialBatchError as error:
            left = [left[index] for index in sorted(error.failures)]
        except TransientError:
            await asyncio.sleep(pause)
        else:
            break
        failed += 1
    return failed
