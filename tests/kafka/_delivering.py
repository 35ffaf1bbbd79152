"""Delivers as a channel does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from experimentframework_core.errors import PartialBatchError, TransientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experimentframework_core.envelope import Record
    from experimentframework_core.plugin import Backplane


async def deliver_all(backplane: Backplane, batch: Sequence[Record]) -> None:
    """Deliver a batch, and what failed for now again, in order, as long as it takes."""
    left = list(batch)
    while left:
        try:
            await backplane.deliver(left)
        except PartialBatchError as error:
            left = [left[index] for index in sorted(error.failures)]
        except TransientError:
            await asyncio.sleep(0.1)
        else:
            return
