# ruff: noqa: S101  the cases of the kit are tests
"""Cases about opening and closing a plugin's instances."""

from __future__ import annotations

import asyncio

import pytest

from experimentframework_core.errors import DeliveryError, TransientError
from experimentframework_core.plugin import Backplane, OptionsT, Pingable
from experimentframework_core.testing._cases._harness import Harness
from experimentframework_core.testing._records import make_records

LANES = 2


class _Unrelated(Exception):  # noqa: N818  it stands for any exception of the caller
    """What the caller of an open backplane raises for reasons of its own."""


class OpeningCases(Harness[OptionsT]):
    """How instances are opened and closed."""

    async def test_opens_a_backplane_and_closes_it(self, options: OptionsT) -> None:
        """What is opened has a ``deliver``; an instance that was never used closes at once."""
        async with self.opened(options) as backplane:
            assert isinstance(backplane, Backplane)

    async def test_opens_again_after_closing(self, options: OptionsT) -> None:
        """A second instance goes on where the first one stopped."""
        first, second = make_records(2), make_records(2)

        await self.deliver(options, first)
        await self.deliver(options, second)

        await self.assert_arrived(options, [*first, *second])

    async def test_an_exception_of_the_caller_passes_through(self, options: OptionsT) -> None:
        """Leaving the ``async with`` by an exception closes the instance and hides nothing."""
        error = _Unrelated()

        with pytest.raises(_Unrelated) as raised:
            async with self.opened(options):
                raise error

        assert raised.value is error

    async def test_ping_answers_while_the_destination_does(self, options: OptionsT) -> None:
        """``ping`` returns if the destination would take events, and delivers none itself."""
        await self._ping(options)

        assert await self.delivered(options) == []

    async def test_an_unreachable_destination_is_no_refusal(self, options: OptionsT) -> None:
        """``open``, else ``deliver``, raises TransientError or UnavailableError: try again.

        Anything else would send events to the dead letters because of an outage.
        """
        unreachable = self.unreachable(options)
        if unreachable is None:
            pytest.skip("the conformance class gives no `unreachable` options")

        with pytest.raises(TransientError):
            await self.deliver(unreachable, make_records(2))

    async def test_ping_fails_if_the_destination_is_unreachable(self, options: OptionsT) -> None:
        """``open``, else ``ping``, raises a DeliveryError."""
        unreachable = self.unreachable(options)
        if unreachable is None:
            pytest.skip("the conformance class gives no `unreachable` options")

        with pytest.raises(DeliveryError):
            await self._ping(unreachable)

    async def test_lanes_work_side_by_side(self, options: OptionsT) -> None:
        """Two instances of one configuration deliver at the same time."""
        batches = [make_records(50) for _ in range(LANES)]

        async with (
            self.opened(options, lane=0, lanes=LANES) as first,
            self.opened(options, lane=1, lanes=LANES) as second,
            self.in_time("deliver on two lanes"),
        ):
            await asyncio.gather(first.deliver(batches[0]), second.deliver(batches[1]))

        await self.assert_arrived(options, [record for batch in batches for record in batch])

    async def _ping(self, options: OptionsT) -> None:
        async with self.opened(options) as backplane:
            if not isinstance(backplane, Pingable):
                pytest.skip("the backplane has no ping")
            await self.bounded(backplane.ping(), "ping")
