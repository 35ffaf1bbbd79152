"""Which subjects are kept: decided by the subject alone, the same in every process."""

from __future__ import annotations

import hashlib
from typing import Any


class Sampler:
    """Keeps a share of all subjects, and everything of each.

    A subject is kept when BLAKE2b-64, keyed with the salt, of the UTF-8 of its id, read as a
    big-endian number, is below ``rate`` x 2^64.

    Attributes:
        facts: What is written into the metadata of every event that is kept.
        keyed: Gives a hash, keyed with the salt, that has seen nothing.
        threshold: The digests below are kept.
    """

    __slots__ = ("facts", "keyed", "threshold")

    def __init__(self, rate: float, salt: str) -> None:
        """Keep ``rate`` (0 to 1) of the subjects; ``salt`` is at most 64 bytes in UTF-8."""
        self.facts = {"samplingRate": rate}
        # Big-endian digests compare as bytes in the same order as the numbers they stand for.
        threshold = min(int(rate * (1 << 64)), (1 << 64) - 1)
        self.threshold = threshold.to_bytes(8, "big")
        self.keyed = hashlib.blake2b(digest_size=8, key=salt.encode()).copy

    def note(self, metadata: dict[str, Any] | None) -> dict[str, Any]:
        """Return the metadata with the rate in it; what is no dict is left to be refused."""
        if metadata is None:
            return self.facts
        return {**metadata, **self.facts} if isinstance(metadata, dict) else metadata

    def keeps(self, subject: str) -> bool:
        """Return whether the events of that subject are kept."""
        keyed = self.keyed()
        keyed.update(subject.encode("utf-8", "surrogatepass"))
        return keyed.digest() < self.threshold
