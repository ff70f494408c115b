"""What an explorer computes after a move of a slider; `benchmarks/explorers.py` measures the whole way in a browser.

The design asks for a p95 of at most 150 ms (mask) and 400 ms (anything that stylises) at 128x256 in the browser, so the
kernel's part must stay well below that.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from itertools import cycle
from typing import Any

from gltr_lib.bench import Case, Made

# What is moved, between which two values.
MOVED = {"ltr": ("share", 0.4, 0.6), "gtr": ("alpha", 0.6, 0.9), "adain": ("alpha", 0.6, 0.9)}


def cases(small: bool, device: str) -> list[Case]:
    """One slider of three explorers, back and forth."""

    def one(name: str) -> Case:
        def make() -> Made:
            module: Any = importlib.import_module(f"gltr_lib.explorers.{name}")
            field, *values = MOVED[name]
            start = module.Params()
            positions = cycle([replace(start, **{field: value}) for value in values])
            module.render(next(positions))  # loads the shipped stylizer and streets
            return Made(lambda: module.render(next(positions)))

        return Case(f"explorer {name}, after a move of {MOVED[name][0]}", make)

    return [one(name) for name in MOVED]
