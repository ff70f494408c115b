"""What a street holds and how it is seen: the only part of a look that moves labels.

The default mix makes every one of the 19 classes common enough to be learnt (a test counts them).
"""

from __future__ import annotations

from dataclasses import dataclass, field

Range = tuple[float, float]


@dataclass(frozen=True)
class Mix:
    """What a street holds, and how it is seen; ranges are uniform, numbers are probabilities."""

    focal: Range = (1.1, 1.4)
    height: Range = (1.35, 1.65)
    pitch: Range = (-0.13, -0.01)
    yaw: Range = (-0.10, 0.10)
    roll: Range = (0.0, 0.0)
    curve: Range = (-0.0022, 0.0022)
    slope: Range = (-0.0005, 0.0006)
    blocks: dict[str, float] = field(default_factory=lambda: {"house": 0.62, "park": 0.3, "gap": 0.08})
    floors: tuple[int, int] = (2, 5)
    walk: Range = (3.0, 5.4)
    tram: float = 0.36
    truck: float = 0.36
    bus: float = 0.32
    riders: float = 0.75
    parked_cycles: float = 0.75
    parking: float = 0.5
    traffic: float = 0.75
    people: tuple[int, int] = (5, 13)
    alley: float = 0.5
    signals: float = 0.62
    trees: dict[str, float] = field(default_factory=lambda: {"round": 0.62, "tall": 0.2, "fir": 0.18})
