"""The real data plane on simulated parts, with small bounds, and those who publish to it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import msgspec

from experimentframework_core import (
    DataPlaneOptions,
    Envelope,
    Exposure,
)
from experimentframework_core._channel import assembly
from experimentframework_core._disk import adoption, keeper, reader, settings, settled, trimming
from experimentframework_core._plane import opening, setup, works
from experimentframework_core.config import BreakerOptions, BufferOptions, RetryOptions
from experimentframework_core.errors import (
    AckTimeoutError,
    BufferFullError,
    DataPlaneClosedError,
    DeliveryError,
)
from tests.core._channels import is_balanced
from tests.core._disks import SimulatedJournal, claim_abandoned_on, claim_on
from tests.faults._simulated import Life, SimulatedLetters, World, current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from experimentframework_core.config._model.data_plane import WhenFull

ROOT = Path("/simulated")


class Settings(msgspec.Struct, frozen=True):
    """What one run has in common."""

    batch: int
    keys: int
    when_full: str
    shutdown: float
    common: dict[str, Any]

    def of(self, life: Life) -> DataPlaneOptions:
        """Return the options of one process."""
        return DataPlaneOptions(concurrency=life.lanes, **self.common)

    def others(self, random: Random) -> DataPlaneOptions:
        """Return options for a reload: as many as all lives may have."""
        batch, lanes = random.randint(1, self.batch), random.randint(1, 3)
        return DataPlaneOptions(concurrency=lanes, **self.common | {"batch_size": batch})


def options_of(random: Random) -> Settings:
    """Draw the settings of a run."""
    batch = random.randint(2, 5)
    when_full: WhenFull = random.choice(
        ("block", "block", "block", "overflow", "dropOldest", "dropNewest")
    )
    shutdown = random.choice((0.5, 3.0))
    common = {
        "batch_size": batch,
        "flush_interval_ms": random.choice((20, 200, 1000)),
        "delivery_timeout_ms": 2000,
        "ack_timeout_ms": 4000,
        "shutdown_timeout_ms": int(shutdown * 1000),
        "buffer": BufferOptions(
            type="memory" if when_full == "overflow" else "disk",
            path=str(ROOT),
            max_events=random.choice((20, 100, 300)),
            when_full=when_full,
            block_timeout_ms=300,
            commit_interval_ms=random.choice((5, 50)),
        ),
        "retry": RetryOptions(
            max_delay_ms=3000,
            max_attempts=random.choice((None, None, 3)),
            max_age_ms=random.choice((None, None, None, 8000)),
        ),
        "breaker": BreakerOptions(failure_threshold=3, open_ms=500, max_open_ms=4000),
    }
    return Settings(batch, random.randint(1, 3), when_full, shutdown, common)


@contextmanager
def simulated_parts(world: World, random: Random) -> Iterator[None]:
    """Put the simulated disk where the real one is, and make bounds small that are large."""
    disk, most_pending = world.disk, random.choice((6, 40))
    skew = [0.0]

    def journal(folder: Path) -> SimulatedJournal:
        life = current.get()
        assert life is not None
        return SimulatedJournal(folder, disk, lambda: life.alive)

    def own(root: Path) -> Any:
        life = current.get()
        assert life is not None
        claim = claim_on(disk, root, life)
        life.folder = claim.folder
        return claim

    def buffer(config: Any, **parts: Any) -> Any:
        # The wall clock is set, forwards and backwards, between two processes.
        skew[0] += random.choice((0.0, 0.0, 100.0, -100.0))
        now = asyncio.get_running_loop().time
        made = settings.disk_buffer(config, wall=lambda: 1.7e9 + now() + skew[0], **parts)
        made._pending._most_events = most_pending
        return made

    resolved: dict[tuple[int, int], Any] = {}

    def resolve(options: DataPlaneOptions, backplane: Any) -> Any:
        # Lives with as many lanes have the same options: checking them costs more than a crash.
        kind = options.concurrency, options.batch_size
        if kind not in resolved:
            resolved[kind] = setup.resolve(options, backplane)
        return resolved[kind]

    replaced: list[tuple[Any, str, Any]] = [
        (keeper, "claim", own),
        (keeper, "check_folder", lambda root: None),
        (reader, "CHUNK", 3),
        (adoption, "claim_abandoned", lambda root: claim_abandoned_on(disk, root, current.get())),
        (adoption, "CHUNK", 5),
        (assembly, "Keeper", partial(keeper.Keeper, make_journal=journal)),
        (assembly, "disk_buffer", buffer),
        (settings, "WINDOW_EVENTS", 0),
        (settings, "WINDOW_BYTES", 0),
        (trimming, "ENOUGH", 16),
        (settled, "block_size", 16),
        (settled, "_block_bytes", 2),
        (settled, "_full", 0xFFFF),
        (works, "resolve", resolve),
        (
            opening,
            "dead_letter_stores",
            lambda destinations, *_: [SimulatedLetters(world) for _ in destinations],
        ),
    ]
    with ExitStack() as stack:
        for module, name, replacement in replaced:
            stack.enter_context(patch.object(module, name, replacement))
        yield


async def reload(world: World, life: Life, settings: Settings) -> None:
    """Change the options of the plane now and then, until the process ends."""
    while True:
        await asyncio.sleep(world.random.expovariate(1 / 3))
        try:
            await life.opened.reload(settings.others(world.random))
        except DataPlaneClosedError:
            return
        life.lanes = 3
        world.note("reload", life.number)


async def produce(world: World, life: Life, key: str) -> None:
    """Publish bursts of one key, by all acknowledgements, until the process ends."""
    random = world.random
    while True:
        await asyncio.sleep(random.expovariate(1 / 3))
        for _ in range(random.randint(1, 6)):
            try:
                await _publish(world, life, key)
            except DataPlaneClosedError:
                return
            except Exception as error:  # noqa: BLE001 - told in the end
                world.wrong.append(f"publish raised {error!r}")
                return
        if random.random() < 0.05:
            await _look(world, life)


async def _look(world: World, life: Life) -> None:
    try:
        await life.opened.flush(timeout=1)
        await life.opened.health()
    except DataPlaneClosedError:
        return
    if not is_balanced(life.books):
        world.wrong.append(f"the books while life {life.number} goes on")


async def _publish(world: World, life: Life, key: str) -> None:
    ack: Any = world.random.choice((None, None, None, "durable", "durable", "delivered"))
    name = f"{life.number}/{key}/{world.next_number()}"
    payload = Exposure(experiment_name=key, variant_key="b", subject_id="s", selection_reason="r")
    event = Envelope(
        event_id=name,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        event_type="exposure",
        schema_version="1.0.0",
        payload=payload,
    )
    try:
        receipt = await life.opened.publish(event, ack=ack)
    except AckTimeoutError:
        life.accepted.add(name)
    except (BufferFullError, DeliveryError):
        pass
    else:
        world.note(receipt.status, name)
        if receipt.status == "dropped" or not life.alive:
            return
        life.accepted.add(name)
        if receipt.status == "durable":
            world.durable.add(name)
            _check_durable(world, name)
        elif receipt.status == "delivered" and name not in world.arrived:
            world.wrong.append(f"{name} is acknowledged as delivered and has not arrived")


def _check_durable(world: World, name: str) -> None:
    if name in world.arrived or name in world.buried:
        return
    start = f'{{"eventId":"{name}"'.encode()
    files = world.disk.files.values()
    if not any(body.startswith(start) for file in files for body in file.history.values()):
        world.wrong.append(f"{name} is acknowledged as durable and not on disk")
