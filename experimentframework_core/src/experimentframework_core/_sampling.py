"""Which subjects are kept: decided by the subject alone, the same in every process."""

from __future__ import annotations

import hashlib


class Sampler:
    """Keeps a share of all subjects, and everything of each.

    A subject is kept when BLAKE2b-64, keyed with the salt, of the UTF-8 of its id, read as a
    big-endian number, is below ``rate`` x 2^64.

    Attributes:
        facts: What is written into the metadata of every event that is kept.
    """

    __slots__ = ("_keyed", "_threshold", "facts")

    def __init__(self, rate: float, salt: str) -> None:
        """Keep ``rate`` (0 to 1) of the subjects; ``salt`` is at most 64 bytes in UTF-8."""
        self.facts = {"samplingRate": rate}
        self._threshold = int(rate * (1 << 64))
        self._keyed = hashlib.blake2b(digest_size=8, key=salt.encode())

    def keeps(self, subject: str) -> bool:
        """Return whether the events of that subject are kept."""
        digest = self._keyed.copy()
        digest.update(subject.encode("utf-8", "surrogatepass"))
        return int.from_bytes(digest.digest(), "big") < self._threshold
