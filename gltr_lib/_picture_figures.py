"""Pictures and label maps as figures: a grid of pictures, a label map with its numbers, the legend of the classes.

:mod:`.viz` offers them; the classes have the colour-safe palette, with their numbers written on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gltr_lib import labels as _labels
from gltr_lib._charts import INK, WIDTH, look
from gltr_lib._pictures import as_label_map, as_picture, overlay
from gltr_lib._typed import typed
from gltr_lib._validate import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@typed
def grid(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    *,
    labels: Sequence[Any] | None = None,
    alpha: float = 0.55,
    rows: Sequence[str] | None = None,
    title: str = "",
    width: float = WIDTH,
    palette: str = "safe",
) -> Figure:
    """Lay pictures out in a grid, each under its title.

    Args:
        images: pictures of any kind. titles: one a picture (or only for the first row). columns: at most 4 by default.
        labels: label maps to lay over the pictures (None entries leave a picture bare). alpha: see :func:`overlay`.
        rows: a name for each row, written at its left. title: a line above all. width: inches.

    Returns:
        matplotlib Figure.
    """
    pictures = [as_picture(image) for image in images]
    if not pictures:
        raise ValueError("grid: expected at least one picture, received none")
    if labels is not None:
        pairs = zip(pictures, labels, strict=True)
        pictures = [p if m is None else overlay(p, m, alpha, palette) for p, m in pairs]
    if columns is not None and columns < 1:
        raise ValueError(f"columns: expected at least 1, received {columns}")
    columns = columns or min(4, len(pictures))
    count = -(-len(pictures) // columns)
    names = list(titles or [])
    left = 0.16 + 0.072 * max(len(name) for name in rows) if rows else 0.02
    gap, head = 0.10, 0.30 if title else 0.02
    cell = (width - left - 0.02 - gap * (columns - 1)) / columns
    heights, tops, y = [], [], head
    for r in range(count):
        line = pictures[r * columns : (r + 1) * columns]
        heights.append(cell * max(p.shape[0] / p.shape[1] for p in line))
        y += 0.24 if any(names[r * columns : (r + 1) * columns]) else 0.03
        tops.append(y)
        y += heights[-1] + gap * 0.7
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, y))
        if title:
            figure.text(0.02 / width, 1 - 0.06 / y, title, fontsize=10.5, va="top")
        for i, picture in enumerate(pictures):
            r, c = divmod(i, columns)
            tall = cell * picture.shape[0] / picture.shape[1]
            x = left + c * (cell + gap)
            ax = figure.add_axes((x / width, 1 - (tops[r] + tall) / y, cell / width, tall / y))
            _draw(ax, picture)
            if i < len(names) and names[i]:
                ax.set_title(names[i], fontsize=8.5, color=INK, pad=3.5, fontweight="normal")
            if rows and c == 0 and r < len(rows):
                centre = 1 - (tops[r] + heights[r] / 2) / y
                figure.text((left - 0.09) / width, centre, rows[r], fontsize=8.5, ha="right", va="center", color=INK)
    return figure


def _draw(ax: Axes, picture: np.ndarray) -> None:
    smooth = "nearest" if picture.shape[1] < 64 else "antialiased"
    ax.imshow(picture, interpolation=smooth, aspect="auto")
    ax.set_axis_off()


def label_figure(
    labels: Any, image: Any | None = None, *, title: str = "", palette: str = "safe", width: float = WIDTH
) -> Figure:
    """Draw a label map (beside its picture, if given) with class numbers on it and a legend of the classes present."""
    classes = as_label_map(labels)
    drawn = _labels.colourize(classes, palette)
    present = [c for c in range(_labels.NUM_CLASSES) if (classes == c).any()]
    lines = -(-len(present) // _per_line(width))
    both = [drawn] if image is None else [as_picture(image), drawn]
    cell = (width - 0.04 - 0.10 * (len(both) - 1)) / len(both)
    tall = cell * drawn.shape[0] / drawn.shape[1]
    top = 0.28 if title else 0.03
    height = top + tall + 0.14 + 0.25 * lines
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, height))
        if title:
            figure.text(0.02 / width, 1 - 0.06 / height, title, fontsize=10.5, va="top")
        for i, picture in enumerate(both):
            x = 0.02 + i * (cell + 0.10)
            ax = figure.add_axes((x / width, 1 - (top + tall) / height, cell / width, tall / height))
            _draw(ax, picture)
        for c in present:
            spot = densest(classes == c)
            if spot is not None:
                ink = ink_on(_labels.PALETTES[palette][c])
                ax.text(*spot, str(c), fontsize=7.5, ha="center", va="center", color=ink)
        _legend(figure, present, palette, 0.0, width, height, lines)
    return figure


def label_legend(classes: Sequence[int] | None = None, *, palette: str = "safe", width: float = WIDTH) -> Figure:
    """Draw the legend alone: number and name of each class on its colour (all 19 by default)."""
    check_choice(palette, _labels.PALETTES, "palette")
    chosen = list(range(_labels.NUM_CLASSES)) if classes is None else [int(c) for c in classes]
    lines = -(-len(chosen) // _per_line(width))
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, 0.25 * lines + 0.04))
        _legend(figure, chosen, palette, 0.02, width, 0.25 * lines + 0.04, lines)
    return figure


def _per_line(width: float) -> int:
    return max(1, int(width / 1.19))


def _legend(
    figure: Figure, classes: list[int], palette: str, bottom: float, width: float, height: float, lines: int
) -> None:
    from matplotlib.patches import FancyBboxPatch

    per_line = _per_line(width)
    ax = figure.add_axes((0, bottom / height, 1, 0.25 * lines / height), xlim=(0, width), ylim=(0.25 * lines, 0))
    ax.set_axis_off()
    for i, c in enumerate(classes):
        line, column = divmod(i, per_line)
        x, y = 0.02 + column * (width - 0.04) / per_line, 0.25 * line + 0.04
        colour = _labels.PALETTES[palette][c]
        style = "round,pad=0,rounding_size=0.03"
        ax.add_patch(FancyBboxPatch((x, y), 0.24, 0.16, boxstyle=style, fc=colour / 255, ec="none"))
        ax.text(x + 0.12, y + 0.085, str(c), fontsize=7, ha="center", va="center", color=ink_on(colour))
        ax.text(x + 0.30, y + 0.085, _labels.CLASSES[c], fontsize=8, va="center")


def ink_on(colour: np.ndarray) -> str:
    """Black or white, whichever reads better on ``colour`` (relative luminance of WCAG)."""
    linear = np.where(colour / 255 <= 0.04045, colour / 255 / 12.92, ((colour / 255 + 0.055) / 1.055) ** 2.4)
    return "white" if float(linear @ (0.2126, 0.7152, 0.0722)) < 0.18 else "#111111"


def densest(mask: np.ndarray) -> tuple[int, int] | None:
    """Return (x, y) in the thick of a region, or None where it is too thin for a number."""
    total = np.pad(mask.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    for part in (3, 5, 8, 14):  # the largest square that fits, from a third of the height down to what a number needs
        size = max(3, mask.shape[0] // part) | 1
        full = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
        spots = np.argwhere(full >= 0.95 * size * size)
        if len(spots):
            y, x = spots[np.abs(spots - np.median(spots, axis=0)).sum(1).argmin()]
            return int(x) + size // 2, int(y) + size // 2
    return None
