"""Keeps memory that every request needs, so that the system need not give it anew each time."""

from __future__ import annotations

_COPIES = 8
"""How often aiokafka copies a request, at most, from its first record to the socket."""


def keep_memory_of_requests(batch_bytes: int) -> None:
    """Have glibc keep as much freed memory as the copies of one large batch take.

    What is larger than the largest block that has ever been freed, it takes from the system and
    gives back, and it trims its heap at twice that size. Where nothing large had been freed,
    the page faults of each request cost 1 to 2 us for each of its events. The block here is never
    written to, so it takes no memory. Other C libraries do not mind it.
    """
    bytes(_COPIES * batch_bytes)
