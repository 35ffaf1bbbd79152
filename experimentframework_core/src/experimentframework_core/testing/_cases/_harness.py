# ruff: noqa: S101  the cases of the kit are tests
"""What a plugin's author gives to the conformance kit, and what every case uses."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, NoReturn

import pytest

from experimentframework_core.codec import encode
from experimentframework_core.plugin import (
    Backplane,
    BackplanePlugin,
    Features,
    OpenContext,
    OptionsT,
    Selection,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from experimentframework_core.envelope import Envelope, Record


class Harness(Generic[OptionsT]):
    """The hooks of the conformance kit, with the meaning that each has if it is not overridden.

    Beside them a subclass has a fixture ``options``: options of a destination that is new and
    empty in every test.

    Attributes:
        plugin: The plugin under test.
        patience: Seconds after which something that should end counts as hanging.
    """

    plugin: BackplanePlugin[OptionsT]
    patience: float = 10.0

    async def delivered(self, options: OptionsT) -> list[bytes]:
        """Return the bodies that have arrived, those of one ordering key in order of arrival.

        A readable plugin need not override it: everything is read with its ``read``. If the
        destination shows late what it holds, wait here.
        """
        return [encode(envelope) for envelope in await self.read(options, Selection())]

    def shown(self, record: Record) -> bytes:
        """Return what `delivered` has for a record: its body.

        Override it where the destination keeps something else, as a log keeps event ids. The
        cases about bodies then fail, and are to be marked xfail.
        """
        return record.body

    def unreachable(self, options: OptionsT) -> OptionsT | None:  # noqa: ARG002  for overrides
        """Return options with which nothing can be reached; None leaves that case out."""
        return None

    def poison(self, options: OptionsT) -> Record | None:  # noqa: ARG002  for overrides
        """Return a record that the destination refuses for ever; None where there is none.

        A plugin that declares ``partial_failures`` must give one.
        """
        return None

    def flaky(self, options: OptionsT) -> Record | None:  # noqa: ARG002  for overrides
        """Return a record that the destination refuses for now; None leaves that case out."""
        return None

    def cut_short(
        self,
        options: OptionsT,  # noqa: ARG002  for overrides
        batch: Sequence[Record],  # noqa: ARG002  for overrides
    ) -> AbstractAsyncContextManager[None] | None:
        """Return a block in which the destination takes a part of ``batch`` and then fails.

        Nothing more is taken until the block ends; behind it the destination is well again. The
        disk is full in the middle of a record (`full_disk`), the connection is cut in the middle
        of a request, or its answer is lost. Other records were delivered before. None leaves those
        cases out.
        """
        return None

    async def plant(self, options: OptionsT, body: bytes) -> bool:  # noqa: ARG002  for overrides
        """Store ``body``, which is no event, as another program would; return whether it is there.

        What the reader then raises must have it, maybe with more around it, as ``record``. The
        default leaves that case out.
        """
        return False

    def checkpoint(self, reader: AsyncIterator[Envelope]) -> str | None:
        """Return where ``reader`` stands, as a later `Selection` takes it; None if it cannot say.

        The default asks the reader's ``checkpoint`` attribute.
        """
        found: str | None = getattr(reader, "checkpoint", None)
        return found

    @property
    def features(self) -> Features:
        """What the plugin guarantees."""
        return self.plugin.features

    @asynccontextmanager
    async def opened(
        self, options: OptionsT, *, lane: int = 0, lanes: int = 1, hurry: int = 1
    ) -> AsyncIterator[Backplane]:
        """Open an instance and close it, each within the patience; ``hurry`` shares that out."""
        context = OpenContext(
            name="conformance", lane=lane, lanes=lanes, delivery_timeout=self.patience / hurry
        )
        manager = self.plugin.open(options, context)
        async with self.in_time("opening"):
            backplane = await manager.__aenter__()
        try:
            yield backplane
        except BaseException as error:
            async with self.in_time("closing"):
                suppressed = await manager.__aexit__(type(error), error, error.__traceback__)
            if not suppressed:
                raise
        else:
            async with self.in_time("closing"):
                await manager.__aexit__(None, None, None)

    @asynccontextmanager
    async def in_time(self, what: str) -> AsyncIterator[None]:
        """Fail the case if the body of the ``async with`` does not end within the patience."""
        try:
            async with asyncio.timeout(self.patience) as deadline:
                yield
        except TimeoutError:
            if deadline.expired():
                self.hanging(what)
            raise

    def hanging(self, what: str) -> NoReturn:
        """Fail the case because ``what`` did not end."""
        pytest.fail(f"{what} did not end within {self.patience} s")

    async def bounded(self, awaitable: Awaitable[None], what: str = "deliver") -> None:
        """Await it, but no longer than the patience."""
        async with self.in_time(what):
            await awaitable

    async def deliver(self, options: OptionsT, *batches: Sequence[Record]) -> None:
        """Open an instance, deliver the batches one after another, close it."""
        async with self.opened(options) as backplane:
            for batch in batches:
                await self.bounded(backplane.deliver(batch))

    async def read(self, options: OptionsT, selection: Selection) -> list[Envelope]:
        """Read everything that the selection selects."""
        if self.plugin.read is None:
            pytest.fail(
                f"{self.plugin.type!r} has no read: override `delivered` of the conformance kit, "
                "so that it can see what has arrived"
            )
        async with self.in_time("read"):
            return [envelope async for envelope in self.plugin.read(options, selection)]

    def reader(self, options: OptionsT, selection: Selection) -> AsyncIterator[Envelope]:
        """Return a reader; leave the case out where the plugin has none."""
        if self.plugin.read is None:
            pytest.skip("features.readable is not declared")
        return self.plugin.read(options, selection)

    async def cancelled(self, coroutine: Coroutine[Any, Any, None], *, after: int) -> bool:
        """Cancel it after some turns of the loop; return whether it had ended by itself."""
        task = asyncio.get_running_loop().create_task(coroutine, name="conformance.cancelled")
        for _ in range(after):
            await asyncio.sleep(0)
        task.cancel()
        return await self.ended(task)

    async def ended(self, task: asyncio.Task[None]) -> bool:
        """Wait for a cancelled task; return whether it ended without taking notice.

        The case fails if it does not end, or turns the cancellation into another error.
        """
        done, _ = await asyncio.wait({task}, timeout=self.patience)
        if not done:
            task.cancel()
            self.hanging("the cancelled call")
        if task.cancelled():
            return False
        error = task.exception()
        assert error is None, f"cancellation became {error!r}; let CancelledError pass"
        return True

    async def assert_arrived(self, options: OptionsT, records: Iterable[Record]) -> None:
        """Fail the case if one of the records is missing, or anything else is there."""
        await self._assert_there(options, {self.shown(record) for record in records})

    async def assert_bodies_arrived(self, options: OptionsT, records: Iterable[Record]) -> None:
        """The same, and fail the case if a body is not what was delivered, byte for byte."""
        await self._assert_there(options, {record.body for record in records})

    async def _assert_there(self, options: OptionsT, expected: set[bytes]) -> None:
        arrived = set(await self.delivered(options))
        missing, foreign = expected - arrived, arrived - expected
        assert not missing, _said("missing", missing, of=len(expected))
        assert not foreign, _said("there but never delivered", foreign, of=len(arrived))

    def assert_in_order(
        self, options: OptionsT, arrived: Sequence[bytes], records: Sequence[Record]
    ) -> None:
        """Fail the case unless the records of each key have first arrived in their order."""
        known = {self.shown(record): record for record in records}
        first_seen = [known[body] for body in dict.fromkeys(arrived) if body in known]
        expected = self._by_key(options, records)
        assert any(len(ids) > 1 for ids in expected.values()), "no two records share a key"
        assert self._by_key(options, first_seen) == expected

    def _by_key(self, options: OptionsT, records: Iterable[Record]) -> dict[str, list[str]]:
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for record in records:
            key = self.key_of(record, options)
            if key is not None:
                keys[key].append(record.event_id)
        return dict(keys)

    def key_of(self, record: Record, options: OptionsT) -> str | None:
        """Return what the plugin keeps the record in order by."""
        if self.plugin.ordering_key is None:
            return record.experiment or record.event_id
        return self.plugin.ordering_key(record, options)


def _said(what: str, bodies: set[bytes], *, of: int) -> str:
    example = min(bodies)[:200].decode(errors="replace")
    return f"{len(bodies)} of {of} are {what}, as this one: {example}"
