"""What a child is to do, as one line of JSON."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The work of one child process.

    Attributes:
        process: Its name, by which its events are known.
        report: The file to which it appends what happens to it.
        ports: Where its destinations listen; several make a composite.
        state: The folder of the dead letters, where the buffer is in memory.
        options: The section ``dataPlane`` as a file has it, without the backplane.
        work: ``publish`` until told otherwise, or ``drain`` only.
        rate: Events a second.
        total: Most events to publish; 0 for no end.
        durable: The share of events of which the durable acknowledgement is awaited.
        keys: How many experiments the events belong to.
        lanes: Deliveries side by side.
        point: The fail point at which it kills itself; none when empty.
        reaches: At which reaching of the point.
        measure: Sample memory, publish times and loop lag.
        clock: Seconds by which its wall clock is wrong.
    """

    process: str
    report: str
    ports: tuple[int, ...]
    state: str
    options: dict[str, Any] = {}
    work: Literal["publish", "drain"] = "publish"
    rate: int = 5000
    total: int = 0
    durable: float = 0.5
    keys: int = 16
    lanes: int = 1
    point: str = ""
    reaches: int = 1
    measure: bool = False
    clock: float = 0.0
