"""Seeded dice: every random decision of the street world comes from here.

Why not ``numpy.random.default_rng`` directly? Labels must be byte-equal on every machine and numpy version, so layout
uses one primitive only, uniform doubles of the PCG64 bit generator (a fixed integer recurrence), and builds choices,
integers and bells from them with plain IEEE arithmetic. Values are drawn in blocks, which also makes a throw cheap.
Source: O'Neill 2014 (PCG); NumPy ``SeedSequence`` mixes (seed, stream) into independent streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
LAYOUT, APPEARANCE, SENSOR, FAMILY, TEXTURE = 1, 2, 3, 4, 5  # streams: changing one never moves another


def generator(*key: int) -> np.random.Generator:
    """Return a PCG64 generator for a tuple of non-negative integers.

    Args:
        key: non-negative integers, such as (seed, stream).

    Returns:
        A ``numpy.random.Generator``.

    Example:
        >>> bool(generator(1, 2).random() == generator(1, 2).random())
        True
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(key))))


class Dice:
    """A stream of uniform numbers with the few throws that a layout needs."""

    def __init__(self, *key: int) -> None:
        self._rng = generator(*key)
        self._block: list[float] = []

    def u(self) -> float:
        """Return a uniform number in [0, 1)."""
        if not self._block:
            self._block = self._rng.random(1024).tolist()
        return self._block.pop()

    def between(self, low: float, high: float) -> float:
        """Return a uniform number in [low, high)."""
        return low + (high - low) * self.u()

    def bell(self, low: float, high: float) -> float:
        """Return a triangular number in (low, high), most often near the middle."""
        return low + (high - low) * 0.5 * (self.u() + self.u())

    def chance(self, p: float) -> bool:
        """Return True with probability p."""
        return self.u() < p

    def integer(self, low: int, high: int) -> int:
        """Return an integer in low..high, both included."""
        return low + int(self.u() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[int(self.u() * len(items))]

    def weighted(self, table: dict[str, float]) -> str:
        """Return a key of the table with probability in proportion to its weight."""
        total = 0.0
        for weight in table.values():  # not sum(): its rounding changed between Python versions
            total += weight
        rest = self.u() * total
        for key, weight in table.items():
            rest -= weight
            if rest < 0:
                return key
        return key
