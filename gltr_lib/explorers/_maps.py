"""Label maps for people: numbers on regions, a legend of chips, one class alone, and a scale for shares from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gltr_lib._picture_figures import densest, ink_on
from gltr_lib.explorers._canvas import Box, Canvas, font
from gltr_lib.labels import CLASSES, IGNORE, NUM_CLASSES, PALETTES
from gltr_lib.viz import INK, MUTED, PAPER, RIGHT, WRONG, overlay

COLOURS = PALETTES["safe"]
ERRORS = (RIGHT, WRONG, "#7a2e00")  # of one class: found, missed, claimed


def class_map(picture: np.ndarray, classes: np.ndarray, only: int | None = None) -> np.ndarray:
    """Lay the classes over a picture; ``only`` one of them, the rest in pale grey.

    Args:
        picture: uint8 (H, W, 3). classes: integers (H, W). only: a class, or None for all.

    Returns:
        uint8 (H, W, 3).
    """
    if only is None:
        return overlay(picture, classes, 0.8)
    pale = 170 + picture.mean(axis=2, keepdims=True) / 3
    colour = 0.15 * picture + 0.85 * COLOURS[only]
    return (np.where((classes == only)[:, :, None], colour, pale) + 0.5).astype(np.uint8)


def outline(picture: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = (17, 17, 17)) -> np.ndarray:
    """Draw the inner border of a region into a picture: where the region meets anything else, one pixel wide."""
    inside = np.pad(mask, 1, mode="edge")
    all_round = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    drawn = picture.copy()
    drawn[mask & ~all_round] = colour
    return drawn


def numbers(canvas: Canvas, classes: np.ndarray, box: Box, only: int | None = None) -> None:
    """Write the number of each class on its largest region, where there is room for it.

    Args:
        classes: integers (H, W). box: where ``Canvas.picture`` put the map. only: write this one alone.
    """
    x, y, wide, high = box
    for c in np.unique(classes).tolist():
        spot = densest(classes == c) if c < NUM_CLASSES and only in (None, c) else None
        if spot is not None:
            at = (x + (spot[0] + 0.5) * wide / classes.shape[1], y + (spot[1] + 0.5) * high / classes.shape[0])
            canvas.text(*at, str(c), size=10, colour=ink_on(COLOURS[c]), anchor="mm")


def class_legend(canvas: Canvas, x: float, y: float, present: Sequence[int], only: int | None = None) -> None:
    """Draw number and name of all 19 classes in two lines, from (x, y); those that are not to be seen stay pale."""
    left = x
    for c, name in enumerate(CLASSES):
        left = x if c == 10 else left
        top = y + 24 * (c >= 10)
        seen = c in present and only in (None, c)
        colour = tuple(int(v) for v in COLOURS[c]) if seen else (233, 236, 239)
        canvas.draw.rounded_rectangle((left, top, left + 22, top + 16), 4, fill=colour)
        canvas.text(left + 11, top + 8, str(c), size=10, colour=ink_on(COLOURS[c]) if seen else MUTED, anchor="mm")
        canvas.text(left + 27, top + 8, name, size=11, colour=INK if seen else MUTED, anchor="lm")
        left += 27 + canvas.draw.textlength(name, font=font(11)) + 17


@lru_cache(maxsize=1)
def _ramp() -> np.ndarray:
    """256 colours from dark blue to yellow whose lightness rises evenly (cividis), uint8 (256, 3)."""
    import matplotlib

    return (matplotlib.colormaps["cividis"](np.arange(256))[:, :3] * 255 + 0.5).astype(np.uint8)


def share_map(shares: np.ndarray) -> np.ndarray:
    """Colour numbers from 0 (dark blue) to 1 (yellow): float (H, W) -> uint8 (H, W, 3).

    Example:
        >>> share_map(np.array([[0.0, 1.0]])).tolist()
        [[[0, 34, 78], [254, 232, 56]]]
    """
    return _ramp()[(np.clip(shares, 0, 1) * 255 + 0.5).astype(np.uint8)]


def share_scale(canvas: Canvas, title: str) -> None:
    """Draw the scale of :func:`share_map` with its ends and its meaning, below the pictures."""
    x, y, width = 22, 396, 200
    bar = np.repeat(share_map(np.linspace(0, 1, width)[None]), 12, axis=0)
    canvas.picture(bar, (x, y, width, 12), sharp=True)
    for share in (0, 0.5, 1):
        canvas.text(x + share * width, y + 25, f"{share:.0%}", size=11, colour=MUTED, anchor="ms")
    canvas.text(x + width + 24, y + 11, title, size=12, colour=INK)


def blank(canvas: Canvas, box: Box, lines: Sequence[str], caption: str) -> None:
    """A pale sheet that says in words why there is no picture."""
    x, y, wide, high = box
    canvas.text(x, y - 7, caption)
    canvas.draw.rectangle((x, y, x + wide - 1, y + high - 1), fill="#f1f3f5", outline=PAPER)
    for i, line in enumerate(lines):
        canvas.text(
            x + wide / 2, y + high / 2 + 17 * (i - (len(lines) - 1) / 2), line, size=12, colour=MUTED, anchor="mm"
        )


def class_errors(picture: np.ndarray, guess: np.ndarray, truth: np.ndarray, only: int) -> np.ndarray:
    """Where one class is found (light blue), missed (orange), and claimed though something else is there (brown).

    Pixels without a label are in none of the three; they show the pale picture.
    """
    drawn = np.repeat(picture.mean(axis=2, keepdims=True) / 3 + 150, 3, axis=2).astype(np.uint8)
    found = (guess == only) & (truth == only)
    missed = (guess != only) & (truth == only)
    claimed = (guess == only) & (truth != only) & (truth != IGNORE)
    for where, colour in zip((found, missed, claimed), ERRORS, strict=True):
        drawn[where] = tuple(bytes.fromhex(colour[1:]))
    return drawn


def agreement(guesses: Sequence[np.ndarray]) -> np.ndarray:
    """How many of several networks give the answer that most of them give, float (H, W): 1 = all, 0 = each its own.

    Example:
        >>> agreement([np.array([[1, 1]]), np.array([[1, 2]]), np.array([[1, 2]])]).tolist()
        [[1.0, 0.5]]
    """
    same = np.stack([[a == b for b in guesses] for a in guesses]).sum(axis=1).max(axis=0)
    return (same - 1) / max(1, len(guesses) - 1)
