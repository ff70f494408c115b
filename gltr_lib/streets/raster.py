"""A scanline rasteriser for many polygons at once, exact in integers.

Vertices are snapped to 1/16 pixel; from there on everything is integer arithmetic, so every machine paints the same
pixels. Each edge meets the scanlines (pixel-centre rows) between its ends; the crossings of one polygon and row,
sorted, pair up into spans (the even-odd rule, so any outline works, holes included). All crossings of all polygons
are found in one vectorised sweep; only the filling of the spans, far to near, is a loop, and each turn of it is one
slice.
Source: the active-edge scanline algorithm of Wylie, Romney, Evans & Erdahl 1967.
"""

from __future__ import annotations

import numpy as np

GRID = 16
_LIMIT = 1 << 24


def spans(
    xy: np.ndarray, start: np.ndarray, count: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the horizontal spans of polygons, in painting order.

    Args:
        xy: (V, 2) float64 pixel coordinates; pixel (i, j) has its centre at (i + 0.5, j + 0.5).
        start: (F,) first vertex of each polygon, in painting order.
        count: (F,) number of vertices of each polygon.
        height: rows of the picture.
        width: columns of the picture.

    Returns:
        polygon index, first and one-past-last flat pixel index of each span, sorted by polygon, then row.

    Example:
        >>> square = np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]])
        >>> [a.tolist() for a in spans(square, np.array([0]), np.array([4]), 4, 4)]
        [[0, 0], [5, 9], [7, 11]]
    """
    snapped = np.clip(np.rint(xy * GRID), -_LIMIT, _LIMIT).astype(np.int64)
    owner = np.repeat(np.arange(len(start)), count)
    inside = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    a = start[owner] + inside
    b = start[owner] + np.where(inside + 1 == count[owner], 0, inside + 1)
    xa, ya = snapped[a].T
    xb, yb = snapped[b].T
    flip = ya > yb
    x0, x1 = np.where(flip, xb, xa), np.where(flip, xa, xb)
    y0, y1 = np.where(flip, yb, ya), np.where(flip, ya, yb)
    half = GRID // 2
    top = np.clip(-((half - y0) // GRID), 0, height)  # first row whose centre is at or below the upper end
    bottom = np.clip(-((half - y1) // GRID), 0, height)  # first row whose centre is at or below the lower end
    rows = bottom - top
    edge = np.repeat(np.arange(len(rows)), rows)
    row = top[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(rows) - rows, rows)
    dy = (y1 - y0)[edge]
    number = (x0[edge] - half) * dy + (row * GRID + half - y0[edge]) * (x1 - x0)[edge]
    column = np.clip(-(-number // (GRID * dy)), 0, width)
    crossing = np.sort((owner[edge] * height + row) * (width + 1) + column)
    line, column = np.divmod(crossing, width + 1)
    polygon, row = np.divmod(line[::2], height)
    first, last = row * width + column[::2], row * width + column[1::2]
    keep = last > first
    return polygon[keep], first[keep], last[keep]


def paint(
    xy: np.ndarray, start: np.ndarray, count: np.ndarray, flag: np.ndarray, height: int, width: int
) -> np.ndarray:
    """Paint polygons far to near into a picture of polygon numbers.

    Args:
        xy, start, count, height, width: as in ``spans``.
        flag: (F,) 0 for an opaque polygon; otherwise a bit that the polygon sets on what is behind it.

    Returns:
        (height, width) int32: 0 = nothing (the sky), k + 1 = polygon k, flag bits (shifted left by 16) on top.
    """
    polygon, first, last = spans(xy, start, count, height, width)
    buffer = np.zeros(height * width, dtype=np.int32)
    value = np.where(flag[polygon] > 0, -(flag[polygon].astype(np.int64) << 16), polygon + 1)
    for a, b, v in zip(first.tolist(), last.tolist(), value.tolist(), strict=True):
        if v > 0:
            buffer[a:b] = v
        else:
            buffer[a:b] |= -v
    return buffer.reshape(height, width)


def cover(xy: np.ndarray, start: np.ndarray, count: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a (height, width) uint8 picture of {0, 1}: where at least one polygon lies."""
    _, first, last = spans(xy, start, count, height, width)
    delta = np.bincount(first, minlength=height * width + 1) - np.bincount(last, minlength=height * width + 1)
    return (np.cumsum(delta[:-1]) > 0).astype(np.uint8).reshape(height, width)
