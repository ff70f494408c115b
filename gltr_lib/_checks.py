"""Plain values checked at the door: the same mistake gets the same sentence everywhere. Needs no torch.

Each takes the value and then its name, and returns the value. Tensors are checked in ``_validate``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from gltr_lib._typed import brief, describe


def check_choice(value: object, choices: Iterable[str], name: str) -> str:
    """Return ``value`` if it is one of ``choices``, else raise a ValueError that lists them.

    Example:
        >>> check_choice("mse", ("mse", "kl"), "kind")
        'mse'
    """
    valid = tuple(choices)
    if not isinstance(value, str) or value not in valid:
        shown = repr(value[:80]) if isinstance(value, str) else "None" if value is None else describe(value)
        raise ValueError(f"{name}: unknown {shown}; valid: {', '.join(valid)}")
    return value


def check_share(value: float, name: str = "share") -> float:
    """Return a share as a float in [0, 1], or raise.

    Example:
        >>> check_share(0.5)
        0.5
    """
    try:
        share = float(value) if not isinstance(value, str | bytes | bool) else float("x")
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise TypeError(f"{name}: expected a number in [0,1], received {describe(value)}") from None
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"{name}: expected a number in [0,1], received {share:g}")
    return share


def check_integer(value: Any, name: str, low: int, high: float = math.inf) -> int:
    """Return a whole number from ``low`` to ``high``, or raise a ValueError.

    Example:
        >>> check_integer(3, "workers", 1)
        3
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        valid = f"from {low} to {high}" if math.isfinite(high) else f">= {low}"
        raise ValueError(f"{name}: expected a whole number {valid}, received {brief(value)}")
    return value
