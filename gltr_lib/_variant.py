"""Which variant of the data a learner has: ``COURSE_SEED``, read in this one place.

It stands on the ground floor because both the lessons (:func:`gltr_lib.course.seed`) and the checks of their exercises
draw from it. Needs no torch.
"""

from __future__ import annotations

import os


def seed(base: int = 0) -> int:
    """The seed of this learner's variant of the data: ``base`` plus 1000 times ``COURSE_SEED``.

    Args:
        base: what tells several seeds of one lesson apart.

    Returns:
        A whole number >= 0; just ``base`` unless ``COURSE_SEED`` is set.

    Raises:
        ValueError: ``COURSE_SEED`` is not a whole number from 0 to 999.

    Example:
        >>> seed(3) % 1000
        3
    """
    text = os.environ.get("COURSE_SEED", "").strip() or "0"
    if not text.isdecimal() or int(text) > 999:
        raise ValueError(f"COURSE_SEED is {text!r}; expected a whole number from 0 to 999")
    return base + 1000 * int(text)
