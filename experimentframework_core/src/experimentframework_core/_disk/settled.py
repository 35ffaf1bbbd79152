"""Which sequence numbers are settled: all below a mark, and single ones above it as bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

block_size = 4096
"""How many sequence numbers a block holds: block n has those from n * 4096 on."""

_block_bytes = block_size // 8
_full = (1 << block_size) - 1


class Settled:
    """A set of sequence numbers that fills up from below.

    Its cost follows what is settled out of order, not what was ever settled.
    """

    __slots__ = ("_blocks", "_changed", "_given", "_in_file", "below")

    def __init__(self, below: int = 1, blocks: Mapping[int, bytes] | None = None) -> None:
        """Begin with what a file holds.

        Args:
            below: Every smaller number is settled.
            blocks: Of each block above it the settled numbers, as bits, lowest first.
        """
        in_file = blocks or {}
        self.below = below
        self._blocks = {
            number: int.from_bytes(bits, "little") & _full for number, bits in in_file.items()
        }
        self._in_file = set(in_file)
        self._changed: set[int] = set()
        self._given: dict[int, bytes] = {}
        self._drop_passed()
        self._rise()

    def __contains__(self, sequence: int) -> bool:
        if sequence < self.below:
            return True
        number, bit = divmod(sequence, block_size)
        return bool(self._blocks.get(number, 0) >> bit & 1)

    def add(self, sequence: int) -> int:
        """Settle one number; return 1 if it was not settled before, else 0."""
        return self.add_range(sequence, sequence)

    def add_range(self, first: int, last: int) -> int:
        """Settle the numbers from ``first`` to ``last``; return how many were not before."""
        new = 0
        for number, mask in _masks(max(first, self.below), last):
            bits = self._blocks.get(number, 0)
            new += (mask & ~bits).bit_count()
            self._blocks[number] = bits | mask
            self._changed.add(number)
        if first <= self.below:
            self._rise()
        return new

    def merge(self, below: int, blocks: Mapping[int, bytes]) -> None:
        """Settle what another set has settled, as a file is told of it."""
        self.add_range(self.below, below - 1)
        for number, bits in blocks.items():
            if number >= self.below // block_size:
                self._blocks[number] = self._blocks.get(number, 0) | int.from_bytes(bits, "little")
                self._changed.add(number)
        self._rise()

    def unsettled(self, through: int) -> int:
        """Return how many numbers up to ``through`` are not settled."""
        return sum(
            (mask & ~self._blocks.get(number, 0)).bit_count()
            for number, mask in _masks(self.below, through)
        )

    def missing(self, through: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges (first, last) of numbers up to ``through`` that are not settled."""
        start = end = 0
        for first, last in self._missing_in_blocks(through):
            if first > end + 1 or not end:
                if end:
                    yield start, end
                start = first
            end = last
        if end:
            yield start, end

    def blocks(self) -> dict[int, bytes]:
        """Return the bits of each block above the mark."""
        bits_of = {number: self._bits_above(number) for number in sorted(self._blocks)}
        return {number: bits for number, bits in bits_of.items() if bits}

    def changes(self) -> dict[int, bytes]:
        """Return what a file must change: the bits of each block, or b"" where it goes away.

        What is given here is given again until `changes_saved` says that it is in the file.
        """
        due = self._changed.union(self._given)
        self._changed.clear()
        bits_of = {number: self._bits_above(number) for number in sorted(due)}
        self._given = {n: bits for n, bits in bits_of.items() if bits or n in self._in_file}
        self._in_file.update(number for number, bits in self._given.items() if bits)
        return dict(self._given)

    def changes_saved(self) -> None:
        """Note that the file has what `changes` gave last; later changes are still due."""
        self._in_file.difference_update(n for n, bits in self._given.items() if not bits)
        self._given = {}

    def _missing_in_blocks(self, through: int) -> Iterator[tuple[int, int]]:
        for number, mask in _masks(self.below, through):
            free = mask & ~self._blocks.get(number, 0)
            while free:
                bit = (free & -free).bit_length() - 1
                length = _trailing_ones(free >> bit)
                first = number * block_size + bit
                yield first, first + length - 1
                free &= ~((1 << bit + length) - 1)

    def rewrite(self, through: int) -> None:
        """Have `changes` give every block up to ``through``: the file has been made anew."""
        blocks = range(self.below // block_size, through // block_size + 1)
        self._changed.update(blocks)
        self._in_file.update(blocks)

    def _bits_above(self, number: int) -> bytes:
        """Return the block's bits, or nothing where ``below`` says it all."""
        bits = self._blocks.get(number, 0)
        if not bits >> max(self.below - number * block_size, 0):
            return b""
        return bits.to_bytes(_block_bytes, "little")

    def _rise(self) -> None:
        number, bit = divmod(self.below, block_size)
        bits = self._blocks.get(number, 0) | (1 << bit) - 1
        while bits == _full:
            self._blocks.pop(number, None)
            self._changed.update((number, number + 1))
            number += 1
            bits = self._blocks.get(number, 0)
        self.below = number * block_size + _trailing_ones(bits)
        self._blocks[number] = bits

    def _drop_passed(self) -> None:
        for number in [number for number in self._blocks if number < self.below // block_size]:
            del self._blocks[number]
            self._changed.add(number)


def _trailing_ones(bits: int) -> int:
    return (~bits & (bits + 1)).bit_length() - 1


def _masks(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield each block that has numbers from ``first`` to ``last``, and which, as bits."""
    for number in range(first // block_size, last // block_size + 1):
        start = max(first - number * block_size, 0)
        end = min(last - number * block_size + 1, block_size)
        if start < end:
            yield number, (1 << end) - (1 << start)
