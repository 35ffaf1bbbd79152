"""Reloads of a plane: one after the other, from its files too, and what was refused."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from experimentframework_core._log import Repeated, brief, logger
from experimentframework_core._new_thread import in_new_thread
from experimentframework_core._plane.setup import warned
from experimentframework_core._tasks import spawn
from experimentframework_core.errors import (
    ConfigurationError,
    DataPlaneClosedError,
    ExperimentFrameworkError,
)
from experimentframework_core.status import RefusedReload

if TYPE_CHECKING:
    from collections.abc import Callable

    from experimentframework_core._plane.files import Files
    from experimentframework_core._plane.works import Works
    from experimentframework_core.config import DataPlaneOptions
    from experimentframework_core.status import ReloadResult


RELOAD_PATIENCE = 1.0
"""Seconds that the closing waits for a reload on its way."""


class Reloading:
    """Brings other options into force.

    Attributes:
        files: Where the options came from; None where they were given.
        refused: The last reload, if it was refused; None otherwise.
    """

    def __init__(self, works: Works, *, in_force: Callable[[], None]) -> None:
        """Change ``works``; ``in_force`` is called in the moment from which other options hold."""
        self.files: Files | None = None
        self.refused: RefusedReload | None = None
        self._works = works
        self._in_force = in_force
        self._one_at_a_time = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._warnings = Repeated()

    async def run(self, options: DataPlaneOptions | None) -> ReloadResult:
        """Reload, as `DataPlane.reload` describes it."""
        async with self._one_at_a_time:
            try:
                result = await self._reload(options)
            except DataPlaneClosedError:
                raise
            except ExperimentFrameworkError as error:
                self._refuse(error)
                raise
        self.refused = None
        self.watch()
        return result

    async def _reload(self, options: DataPlaneOptions | None) -> ReloadResult:
        if options is not None:
            return await self._change(options)
        if self.files is None:
            message = "this plane was not made by from_file(): give reload() the new options"
            raise ValueError(message)
        found, problems = await in_new_thread(self.files.read, name="reload")
        with warned(problems):
            return await self._change(found)

    async def _change(self, options: DataPlaneOptions) -> ReloadResult:
        before = self._works.options
        try:
            result = await self._works.reload(options)
            self._in_force()
        finally:
            await self._works.stores.close_unused()
        if self._works.options != before:
            logger.info(
                "experimentframework.plane_reloaded",
                kept=result.kept,
                replaced=result.replaced,
                added=result.added,
                removed=result.removed,
            )
        return result

    def _refuse(self, error: ExperimentFrameworkError) -> None:
        problem, count = brief(error), 1
        if isinstance(error, ConfigurationError):
            wrong = [each for each in error.problems if each.severity == "error"]
            problem, count = str(wrong[0]), len(wrong)
        if self.refused is None or self.refused.problem != problem:
            logger.warning("experimentframework.reload_refused", problem=problem, problems=count)
        self.refused = RefusedReload(problem, datetime.now(UTC))

    def watch(self) -> None:
        """Look at the files from now on, if the options say so."""
        if self.files is None or not self._works.options.reload.watch:
            return
        if self._watching is None or self._watching.done():
            name = "experimentframework.reload.watch"
            self._watching = spawn(self._watch(self.files), name=name)

    async def _watch(self, files: Files) -> None:
        """Reload whenever the files are not what they were when they were read last."""
        # Between the reading and here they may have changed: the first look reads them anew.
        seen = b""
        while (settings := self._works.options.reload).watch:
            await asyncio.sleep(settings.interval_ms / 1000)
            try:
                found = await in_new_thread(files.look, name="reload.watch")
                if found != seen:
                    await self._reload_watched()
                    seen = found
            except DataPlaneClosedError:
                return
            except Exception as error:  # noqa: BLE001 - the loop's edge: look again, say so
                self._warnings.warning("experimentframework.watch_failed", error=brief(error))

    async def _reload_watched(self) -> None:
        # It is in the log and in health; the next look may find it mended.
        with suppress(ConfigurationError):
            await self.run(None)

    async def close(self) -> None:
        """Reload no more, and close the works, all within ``shutdownTimeoutMs``."""
        timeout = self._works.options.shutdown_timeout_ms / 1000
        if self._watching is not None:
            self._watching.cancel()
        # A reload on its way finds the works shut and changes nothing: they need not wait for it.
        await asyncio.gather(self._works.close(timeout), self._end(min(timeout, RELOAD_PATIENCE)))

    async def _end(self, timeout: float) -> None:
        """Wait for a reload on its way, so that it closes what it has opened."""
        try:
            async with asyncio.timeout(timeout), self._one_at_a_time:
                pass
        except TimeoutError:
            logger.error("experimentframework.task_abandoned", task="reload")
