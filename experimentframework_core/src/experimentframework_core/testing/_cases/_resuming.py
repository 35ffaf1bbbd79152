# ruff: noqa: S101  the cases of the kit are tests
"""Cases about going on with a reading: from its checkpoints, behind what is no event, and never."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pytest

from experimentframework_core.codec import encode
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import OptionsT, Selection
from experimentframework_core.testing._cases._harness import Harness
from experimentframework_core.testing._records import make_records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from experimentframework_core.envelope import Envelope

NO_EVENT = b"this is no event"
_WHILE = 0.05


class ResumingCases(Harness[OptionsT]):
    """What a later reading yields, and what an earlier one leaves behind."""

    async def test_reads_on_from_a_checkpoint(self, options: OptionsT) -> None:
        """From wherever a reading stood, another goes on: nothing is lost, nothing comes twice.

        Neither does what was delivered between them.
        """
        early, late = make_records(4), make_records(2)
        await self.deliver(options, early[:2], early[2:])
        begun: list[bytes] = []
        stood: list[tuple[str | None, list[bytes]]] = []
        reader = self.reader(options, Selection())
        async with self.in_time("read"):
            async for envelope in reader:
                begun.append(encode(envelope))
                stood.append((self.checkpoint(reader), [*begun]))
            stood.append((self.checkpoint(reader), [*begun]))
            await close(reader)
        if stood[0][0] is None:
            pytest.skip("the reader offers no checkpoint")
        await self.deliver(options, late)

        resumed = [(seen, await self._behind(options, at)) for at, seen in stood]

        everything = sorted(record.body for record in (*early, *late))
        assert [sorted(seen + rest) for seen, rest in resumed] == [everything] * len(stood)

    async def test_refuses_what_is_no_checkpoint(self, options: OptionsT) -> None:
        """A checkpoint of nobody is a ReplayError: to begin anywhere would lose or repeat."""
        await self.deliver(options, make_records(2))
        reader = self.reader(options, Selection())
        async with self.in_time("read"):
            await anext(reader)
            checkpoint = self.checkpoint(reader)
            await close(reader)
        if checkpoint is None:
            pytest.skip("the reader offers no checkpoint")

        with pytest.raises(ReplayError):
            await self.read(options, Selection(checkpoint="no checkpoint of anybody"))

    async def test_goes_on_behind_what_is_no_event(self, options: OptionsT) -> None:
        """What is no event is a ReplayError with its bytes, and a later reading gives the rest."""
        before, behind = make_records(2), make_records(2)
        await self.deliver(options, before)
        if not await self.plant(options, NO_EVENT):
            pytest.skip("the suite has no `plant` that stores what is no event")
        await self.deliver(options, behind)

        found, errors = await self._read_past(options)

        assert [NO_EVENT in (error.record or b"") for error in errors] == [True], errors
        assert set(found) == {record.body for record in (*before, *behind)}
        assert len(found) == len(before) + len(behind)

    async def test_goes_on_after_a_cancelled_wait(self, options: OptionsT) -> None:
        """Who stops waiting for an event and asks the same reader again gets what comes next."""
        early, late = make_records(2), make_records(2)
        reader = self.reader(options, Selection(follow=True))
        await self.deliver(options, early)
        try:
            found = [await self._next_of(reader) for _ in early]
            waiting = asyncio.ensure_future(anext(reader))
            await asyncio.wait({waiting}, timeout=_WHILE)
            waiting.cancel()
            await asyncio.wait({waiting}, timeout=self.patience)
            await self.deliver(options, late)
            found += [await self._next_of(reader) for _ in late]
        except StopAsyncIteration:
            pytest.fail("the reader ended after somebody had stopped waiting for an event")
        finally:
            await close(reader)

        assert set(found) == {record.body for record in (*early, *late)}

    async def test_closing_early_releases_what_was_opened(self, options: OptionsT) -> None:
        """A reading that is left has no tasks, files or connections any more when it is closed."""
        self.reader(options, Selection())
        await self.deliver(options, make_records(3))
        await self.read(options, Selection())
        held = _held()

        for follow in (False, True):
            reader = self.reader(options, Selection(follow=follow))
            async with self.in_time("read"):
                await anext(reader)
            async with self.in_time("closing a reader"):
                await close(reader)
            del reader

        async with self.in_time("releasing what the reader had opened"):
            while _holds_more_than(held):  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.01)

    async def _next_of(self, reader: AsyncIterator[Envelope]) -> bytes:
        async with self.in_time("read"):
            return encode(await anext(reader))

    async def _behind(self, options: OptionsT, checkpoint: str | None) -> list[bytes]:
        found = await self.read(options, Selection(checkpoint=checkpoint))
        return [encode(envelope) for envelope in found]

    async def _read_past(self, options: OptionsT) -> tuple[list[bytes], list[ReplayError]]:
        """Read to the end, each time with a new reader behind what is no event."""
        found: list[bytes] = []
        errors: list[ReplayError] = []
        checkpoint: str | None = None
        while len(errors) <= 1:
            reader = self.reader(options, Selection(checkpoint=checkpoint))
            try:
                async with self.in_time("read"):
                    async for envelope in reader:
                        found.append(encode(envelope))  # noqa: PERF401 - kept when it raises
            except ReplayError as error:
                errors.append(error)
            else:
                break
            finally:
                await close(reader)
            checkpoint = self.checkpoint(reader)
            if checkpoint is None:
                pytest.skip("the reader offers no checkpoint")
        return found, errors


@runtime_checkable
class _Closable(Protocol):
    async def aclose(self) -> None: ...


async def close(reader: AsyncIterator[Envelope]) -> None:
    """Close a reader, if it can be closed."""
    if isinstance(reader, _Closable):
        await reader.aclose()


def _held() -> tuple[int, int]:
    """Return how many tasks there are, and how many open files where the system tells."""
    gc.collect()
    files = Path("/proc/self/fd")
    return len(asyncio.all_tasks()), len(list(files.iterdir())) if files.exists() else 0


def _holds_more_than(held: tuple[int, int]) -> bool:
    return any(now > then for now, then in zip(_held(), held, strict=True))
