"""What an alternative text must be: one rule for who shows a picture and for who checks a lesson. No torch in here."""

from __future__ import annotations

ALT_LENGTH = (15, 400)
_FILES = (".png", ".jpg", ".webp", ".svg")


def describes(alt: str) -> bool:
    """Whether a text may stand for a picture: a sentence of fit length, and no file's name.

    Example:
        >>> describes("A street in four paintings."), describes("street"), describes("figures/four_paintings.png")
        (True, False, False)
    """
    low, high = ALT_LENGTH
    text = " ".join(alt.split())
    return low <= len(text) <= high and not text.lower().endswith(_FILES)
