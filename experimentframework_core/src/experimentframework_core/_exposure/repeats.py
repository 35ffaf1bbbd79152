"""Which exposures came before: a bounded memory of hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experimentframework_core._exposure.subject import Subject

_LONG_AGO = float("-inf")


def key_of(experiment: str, variant: str, subject: Subject) -> int | None:
    """Return what two exposures have in common when one repeats the other; None for bad names.

    It is Python's hash of 64 bits, keyed anew in each process: of 100,000 that are remembered,
    one in 10^14 is taken for another one.
    """
    try:
        return hash(
            (experiment, variant, subject.subject_id, subject.subject_type, subject.tenant_id)
        )
    except TypeError:
        return None


class Repeats:
    """Remembers exposures in two generations; not for several threads at once.

    When the young generation has half of what may be remembered, it becomes the old one, and the
    old one is forgotten as a whole. So the latest half is always there, and one exposure takes
    about 125 bytes: an exact order of use would take more than twice that.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._young: dict[int, float] = {}
        self._old: dict[int, float] = {}

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._young.keys() | self._old.keys())

    def note(self, key: int, now: float, *, most: int, window: float | None) -> bool:
        """Remember an exposure, and return whether it is a repeat.

        Args:
            key: Its `key_of`.
            now: The time, in seconds.
            most: How many are remembered at most, 2 or more.
            window: Seconds after the first one for which it is repeated; None for ever. The next
                one behind them is a first one again.
        """
        first = self._young.get(key)
        if first is None:
            first = self._old.get(key)
            if len(self._young) >= most // 2:
                self._old, self._young = self._young, {}
        is_repeat = first is not None and (window is None or now - first < window)
        if first is None or not is_repeat:
            # One object for all saves memory where nobody asks for the time.
            first = _LONG_AGO if window is None else now
        self._young[key] = first
        return is_repeat

    def forget(self, key: int) -> None:
        """Forget an exposure: it was not recorded after all."""
        self._young.pop(key, None)
        self._old.pop(key, None)
