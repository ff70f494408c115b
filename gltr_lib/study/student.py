"""Student's t for any number of seeds: what a normal interval lacks when the spread itself was guessed from few values.

Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
"""

from __future__ import annotations

import math


def inside(t: float, freedom: int) -> float:
    """The probability that Student's T lies between -t and t.

    Args:
        t: at least 0.
        freedom: degrees of freedom, at least 1.

    Returns:
        A probability.

    Example:
        >>> round(inside(1.0, 1), 3)
        0.5
    """
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def quantile(seeds: int, level: float = 0.95) -> float:
    """The half-width, in standard errors, of the interval of a mean of some seeds.

    Args:
        seeds: how many values the standard deviation was computed from, at least 2.
        level: of the interval, in (0,1).

    Returns:
        The t with P(-t < T < t) = level at ``seeds - 1`` degrees of freedom.

    Raises:
        ValueError: fewer than two seeds, or no such level.

    Example:
        >>> round(quantile(5), 3)
        2.776
    """
    if seeds < 2 or not 0 < level < 1:
        raise ValueError(f"quantile: expected two seeds or more and a level in (0,1), received {seeds} and {level}")
    low, high = 0.0, 1.0
    while inside(high, seeds - 1) < level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle, seeds - 1) < level else (low, middle)
    return high
