"""A pen that draws a scene's three maps at once: tone, colour family and direction of the brush.

They are the three bytes of an RGB sheet, so one Pillow call draws all of them and they cannot come apart.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from gltr_lib.paintings.tools import Shape


class Pen:
    """Draws tone, family and angle at once, with x and y in [0, 1] and radii in units of the shorter side."""

    def __init__(self, shape: Shape, tone: np.ndarray, family: int, angle: float = 0.0) -> None:
        self.height, self.width = shape
        self.unit = min(shape)
        base = np.empty((*shape, 3), np.uint8)
        base[..., 0] = np.clip(tone, 0, 1)[:, None] * 255
        base[..., 1] = family
        base[..., 2] = self._turn(angle)
        self.image = Image.fromarray(base)
        self.draw = ImageDraw.Draw(self.image)

    @staticmethod
    def _turn(angle: float) -> int:
        return int(angle / np.pi * 256) % 256

    def _ink(self, tone: float, family: int, angle: float) -> tuple[int, int, int]:
        return int(min(max(tone, 0), 1) * 255), family, self._turn(angle)

    def poly(self, points: list[tuple[float, float]], tone: float, family: int, angle: float = 0.0) -> None:
        flat = [v for px, py in points for v in (px * self.width, py * self.height)]
        self.draw.polygon(flat, fill=self._ink(tone, family, angle))

    def disc(self, x: float, y: float, rx: float, ry: float, tone: float, family: int, angle: float = 0.0) -> None:
        cx, cy, rx, ry = x * self.width, y * self.height, rx * self.unit, ry * self.unit
        self.draw.ellipse((cx - rx, cy - ry, cx + rx, cy + ry), fill=self._ink(tone, family, angle))

    def ball(self, x: float, y: float, rx: float, ry: float, tone: float, family: int, angle: float = 0.0) -> None:
        """A disc modelled from a dark rim to a light spot on the upper left."""
        for step in range(5):
            keep, off = 1 - 0.2 * step, 0.07 * step
            px, py = x - off * rx * self.unit / self.width, y - off * ry * self.unit / self.height
            self.disc(px, py, rx * keep, ry * keep, tone + 0.13 * (step - 1.5), family, angle + 0.3 * step)

    def line(self, points: list[tuple[float, float]], width: float, tone: float, family: int, angle: float) -> None:
        flat = [v for px, py in points for v in (px * self.width, py * self.height)]
        self.draw.line(flat, fill=self._ink(tone, family, angle), width=max(1, int(width * self.unit + 0.5)))
