"""Two small charts for an explorer's canvas: a histogram that is cut, and a curve with a point on it.

Each has its axis written at its ends, colours that differ in lightness as well as in hue, and takes a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gltr_lib.explorers._canvas import SMALL, Box, Canvas
from gltr_lib.viz import COLOURS, INK, LINE, MUTED, PAPER


def cut_histogram(canvas: Canvas, box: Box, values: np.ndarray, cut: float | None, title: str, spread: float) -> None:
    """Draw the histogram of a field, what lies above the cut in colour, and the normal curve of its mean and std.

    Args:
        values: the field, any shape. cut: the threshold; None where nothing is above it.
        spread: the standard deviation that theory promises; the axis runs over four of them to either side.
    """
    x, y, wide, high = box
    canvas.text(x, y - 7, title)
    flat = values.ravel()
    edges = np.linspace(-4 * spread, 4 * spread, 65)
    density, _ = np.histogram(np.clip(flat, edges[0], edges[-1]), edges, density=True)
    mean, std = float(flat.mean()), max(1e-12, float(flat.std()))
    middle = (edges[1:] + edges[:-1]) / 2
    normal = np.exp(-0.5 * ((middle - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
    floor, room = y + high - 16, high - 18
    scale = room / max(float(density.max()), 0.55 / spread)

    def across(value: float) -> float:
        return x + wide * (value - edges[0]) / (edges[-1] - edges[0])

    for a, b, d in zip(edges[:-1], edges[1:], density, strict=True):
        painted = cut is not None and (a + b) / 2 >= cut
        top = floor - d * scale
        canvas.draw.rectangle((across(a), top, across(b) - 1, floor), fill=COLOURS[1] if painted else "#c3cad1")
    points = [(across(m), floor - n * scale) for m, n in zip(middle, normal, strict=True)]
    canvas.draw.line([c for point in points for c in point], fill=INK, width=1)
    canvas.draw.line((x, floor, x + wide, floor), fill=MUTED)
    for tick in (-2 * spread, 0.0, 2 * spread):
        label = f"{tick:.2g}".replace("-", "−") if tick else "0"
        canvas.text(across(tick), floor + 13, label, size=SMALL, colour=MUTED, anchor="ms")
    if cut is not None:
        at = min(max(across(cut), x), x + wide)
        canvas.draw.line((at, y, at, floor), fill=COLOURS[0], width=2)


def curve_with_point(
    canvas: Canvas, box: Box, function: Callable[[float], float], at: float, title: str, below: str
) -> None:
    """Draw a function from [0, 1] to [0, 1], and where on it we stand.

    Args:
        function: share at a position. at: the position of the point. title: above. below: name of the axis.
    """
    x, y, wide, high = box
    canvas.text(x, y - 17, title)
    left, wide = x + 36, wide - 42
    for share in (0.0, 0.5, 1.0):
        v = y + high * (1 - share)
        canvas.draw.line((left, v, left + wide, v), fill=LINE if share else MUTED)
        canvas.text(left - 5, v, f"{share:.0%}", size=SMALL, colour=MUTED, anchor="rm")
    positions = np.linspace(0, 1, 81) ** 2  # closer together at the start, where small powers rise steeply
    points = [(left + wide * p, y + high * (1 - function(float(p)))) for p in positions]
    canvas.draw.line([c for point in points for c in point], fill=COLOURS[0], width=2, joint="curve")
    px, py = left + wide * at, y + high * (1 - function(at))
    canvas.draw.line((px, py, px, y + high), fill=COLOURS[1], width=1)
    canvas.draw.ellipse((px - 5, py - 5, px + 5, py + 5), fill=COLOURS[1], outline=PAPER)
    for value in (0, 1):
        canvas.text(left + wide * value, y + high + 14, str(value), size=SMALL, colour=MUTED, anchor="ms")
    canvas.text(left + wide / 2, y + high + 14, below, size=SMALL, colour=MUTED, anchor="ms")
