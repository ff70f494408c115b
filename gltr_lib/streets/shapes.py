"""Small outlines shared by the things in a street: circles, bars, planes.

The unit circle is a table of rounded numbers, so that no call into a mathematics library decides a label.
"""

from __future__ import annotations

import math

from gltr_lib.streets.mesh import Point

Outline = list[tuple[float, float]]
_QUARTER = (0.0, 0.382683, 0.707107, 0.92388, 1.0)
_HALF = [*_QUARTER, *_QUARTER[3:0:-1]]
_SINE = [*_HALF, *(-s for s in _HALF)]
CIRCLE = [(_SINE[(i + 4) % 16], _SINE[i]) for i in range(16)]  # (cosine, sine) of 16 directions


def disc(x: float, y: float, z: float, rx: float, ry: float, step: int = 1) -> list[Point]:
    """Return the corners of an upright ellipse that faces the camera."""
    return [(x + rx * c, y + ry * s, z) for c, s in CIRCLE[::step]]


class Plane:
    """An upright plane through (x, z) at an angle to the street: (a, b) goes to x + a*cx, b, z + a*cz."""

    def __init__(self, x: float, z: float, cx: float, cz: float) -> None:
        self.x, self.z, self.cx, self.cz = x, z, cx, cz

    def at(self, points: Outline, y: float = 0.0) -> list[Point]:
        """Return street coordinates of points (along, up)."""
        return [(self.x + a * self.cx, y + b, self.z + a * self.cz) for a, b in points]


def bar(a: tuple[float, float], b: tuple[float, float], t: float) -> Outline:
    """Return a straight bar from a to b with half thickness t."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    n = math.sqrt(dx * dx + dy * dy) or 1.0
    ox, oy = -dy / n * t, dx / n * t
    return [(a[0] + ox, a[1] + oy), (b[0] + ox, b[1] + oy), (b[0] - ox, b[1] - oy), (a[0] - ox, a[1] - oy)]


def wheel(c: tuple[float, float], r: float) -> Outline:
    """Return a circle."""
    return [(c[0] + r * a, c[1] + r * b) for a, b in CIRCLE]


def ring(c: tuple[float, float], r: float, t: float) -> Outline:
    """Return a ring: out along one circle and back along a smaller one (even-odd makes the hole)."""
    outer = wheel(c, r)
    inner = wheel(c, r - t)
    return [*outer, outer[0], inner[0], *inner[:0:-1], inner[0]]
