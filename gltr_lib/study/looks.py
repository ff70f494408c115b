"""The door to the looks, which live in :mod:`gltr_lib.datasets.looks`: the lessons know them by this name.

Nothing is defined here, and the library imports from there.
"""

from __future__ import annotations

from gltr_lib.datasets.looks import (
    FINAL_LOOKS,
    RESERVED,
    TEST_LOOKS,
    Part,
    Streets,
    check_open,
    is_reserved,
    sampled_looks,
    span,
)

__all__ = [
    "FINAL_LOOKS", "RESERVED", "TEST_LOOKS", "Part", "Streets", "check_open", "is_reserved", "sampled_looks", "span",
]  # fmt: skip
