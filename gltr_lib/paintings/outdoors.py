"""Subjects under the sky: hills, sea, forest, village, garden.

Each draws tone, colour family and brush direction with one `Pen`; it is given how many colour families there are.
"""

from __future__ import annotations

import numpy as np

from gltr_lib.paintings.pen import Pen
from gltr_lib.paintings.tools import Shape, between, scatter


def ridge(rng: np.random.Generator, level: float, rough: float, points: int = 40) -> list[tuple[float, float]]:
    """A skyline from the left to the right border, around `level`."""
    x = np.linspace(0, 1, points)
    y = np.full(points, level)
    for octave in range(4):
        frequency = 1.3 * 2**octave
        y += rough * 0.55**octave * np.sin(2 * np.pi * (frequency * between(rng, 0.7, 1.3) * x + rng.random()))
    return list(zip(x.tolist(), y.tolist(), strict=True))


def sky(rng: np.random.Generator, shape: Shape, families: int) -> tuple[Pen, int]:
    top, bottom = between(rng, 0.25, 0.75), between(rng, 0.6, 1.0)
    if rng.random() < 0.25:
        top, bottom = bottom, top
    family = int(rng.integers(families))
    pen = Pen(shape, np.linspace(top, bottom, shape[0]), family, between(rng, -0.2, 0.2))
    return pen, family


def _sun(rng: np.random.Generator, pen: Pen, families: int, horizon: float) -> tuple[float, int]:
    x, y, size = between(rng, 0.15, 0.85), between(rng, 0.1, horizon * 0.8), between(rng, 0.03, 0.09)
    family = int(rng.integers(families))
    for step in range(4):
        pen.disc(x, y, size * (2.2 - 0.4 * step), size * (2.2 - 0.4 * step), 0.7 + 0.1 * step, family, 0.8 * step)
    return x, family


def _tree(rng: np.random.Generator, pen: Pen, x: float, y: float, size: float, family: int, trunk: int) -> None:
    foot = size * pen.unit / pen.height
    pen.line([(x, y), (x + between(rng, -0.01, 0.01), y - foot)], size * 0.12, 0.15, trunk, np.pi / 2)
    tall = rng.random() < 0.35
    for _ in range(3 if tall else 5):
        rx, ry = (size * 0.25, size * 0.7) if tall else (size * between(rng, 0.25, 0.45), size * between(rng, 0.2, 0.4))
        px = x + between(rng, -0.3, 0.3) * size * (0.3 if tall else 1) * pen.unit / pen.width
        pen.ball(
            px, y - foot * between(rng, 0.8, 1.3), rx, ry, between(rng, 0.2, 0.45), family, np.pi / 2 if tall else 0.6
        )


def hills(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Layered hills under a sun, paler with distance, a few trees in front."""
    pen, _ = sky(rng, shape, families)
    horizon = between(rng, 0.3, 0.6)
    _sun(rng, pen, families, horizon)
    layers = int(rng.integers(3, 7))
    rough = between(rng, 0.02, 0.09)
    for layer in range(layers):
        share = layer / max(layers - 1, 1)
        line = ridge(rng, horizon + (0.92 - horizon) * share, rough * (0.6 + share))
        tone = 0.75 - 0.5 * share + between(rng, -0.12, 0.12)
        family, angle = int(rng.integers(families)), between(rng, -0.5, 0.5)
        for band in range(3):  # a lighter crest that falls into shade
            low = [(px, py + 0.05 * band) for px, py in line]
            pen.poly([*low, (1.0, 1.2), (0.0, 1.2)], tone - 0.09 * band, family, angle)
    green, trunk = int(rng.integers(families)), int(rng.integers(families))
    for _ in range(int(rng.integers(0, 7))):
        y = between(rng, 0.6, 1.0)
        _tree(rng, pen, rng.random(), y, 0.05 + 0.28 * (y - 0.5), green, trunk)
    return pen


def sea(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Open water with the sun's path of light, and sails."""
    pen, _ = sky(rng, shape, families)
    horizon = between(rng, 0.35, 0.65)
    sun, glow = _sun(rng, pen, families, horizon)
    water = int(rng.integers(families))
    for step in range(12):
        y = horizon + (1 - horizon) * step / 12
        pen.poly([(0, y), (1, y), (1, 1.1), (0, 1.1)], 0.65 - 0.035 * step + between(rng, -0.05, 0.05), water, 0.0)
    for _ in range(60):
        depth = rng.random()
        y = horizon + (1 - horizon) * depth
        x = sun + (rng.random() - 0.5) * (0.08 + 0.25 * depth) if rng.random() < 0.6 else rng.random()
        wide, tall = 0.02 + 0.07 * depth * rng.random(), 0.003 + 0.008 * depth
        pen.disc(x, y, wide, tall, between(rng, 0.7, 1.0), glow if rng.random() < 0.7 else water, 0.0)
    for _ in range(int(rng.integers(1, 5))):
        x, y, size = rng.random(), between(rng, horizon, 0.9), between(rng, 0.06, 0.2)
        sail, hull = int(rng.integers(families)), int(rng.integers(families))
        pen.poly([(x, y), (x, y - size), (x + size * 0.6, y)], between(rng, 0.7, 1.0), sail, np.pi / 2)
        pen.poly([(x - size * 0.05, y), (x - size * 0.05, y - size * 0.8), (x - size * 0.4, y)], 0.6, sail, np.pi / 2)
        low = y + size * 0.15
        pen.poly([(x - size * 0.5, y), (x + size * 0.7, y), (x + size * 0.5, low), (x - size * 0.3, low)], 0.12, hull)
    return pen


def forest(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Trunks against the light."""
    pen, _ = sky(rng, shape, families)
    ground, bark, leaf = (int(v) for v in rng.integers(0, families, 3))
    floor = between(rng, 0.62, 0.8)
    pen.poly([*ridge(rng, floor, 0.02), (1, 1.2), (0, 1.2)], between(rng, 0.35, 0.6), ground, 0.1)
    count = int(rng.integers(9, 24))
    for index in range(count):
        share = index / count
        x, wide = rng.random(), (0.008 + 0.04 * share) * between(rng, 0.6, 1.3)
        lean = between(rng, -0.04, 0.04)
        foot = floor + (1.0 - floor) * share
        top = [(x + lean - wide * 0.35, -0.05), (x + lean + wide * 0.35, -0.05)]
        pen.poly([*top, (x + wide * 0.6, foot), (x - wide * 0.6, foot)], 0.55 - 0.45 * share, bark, 1.57)
        pen.poly(
            [top[0], (x + lean, -0.05), (x - wide * 0.1, foot), (x - wide * 0.6, foot)], 0.75 - 0.45 * share, bark, 1.57
        )
    for _ in range(int(rng.integers(20, 70))):
        pen.disc(
            rng.random(), between(rng, -0.05, 0.45), between(rng, 0.02, 0.08), between(rng, 0.02, 0.05),
            between(rng, 0.25, 0.9), leaf if rng.random() < 0.7 else ground, rng.random() * 3,
        )  # fmt: skip
    return pen


def village(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Houses climbing a hill, roofs and windows."""
    pen, _ = sky(rng, shape, families)
    horizon = between(rng, 0.3, 0.45)
    pen.poly([*ridge(rng, horizon, 0.05), (1, 1.2), (0, 1.2)], between(rng, 0.4, 0.7), int(rng.integers(families)), 0.3)
    for row in range(4):
        y = horizon + 0.12 + 0.17 * row
        x = between(rng, -0.1, 0.05)
        while x < 1.0:
            w, h = between(rng, 0.09, 0.18) * (0.6 + 0.2 * row), between(rng, 0.1, 0.2) * (0.6 + 0.2 * row)
            wall, roof = int(rng.integers(families)), int(rng.integers(families))
            tone, base = between(rng, 0.55, 0.95), y + between(rng, -0.03, 0.03)
            split = x + w * between(rng, 0.35, 0.65)
            pen.poly([(x, base), (x, base - h), (split, base - h), (split, base)], tone, wall, 1.57)
            pen.poly([(split, base), (split, base - h), (x + w, base - h), (x + w, base)], tone - 0.3, wall, 1.57)
            peak = base - h - w * between(rng, 0.3, 0.6)
            pen.poly(
                [(x - 0.01, base - h), (x + w * 0.3, peak), (x + w * 0.75, peak), (x + w + 0.01, base - h)],
                between(rng, 0.2, 0.55), roof, 0.7,
            )  # fmt: skip
            for _ in range(2):
                wx, wy = x + w * between(rng, 0.1, 0.75), base - h * between(rng, 0.3, 0.8)
                pen.poly([(wx, wy), (wx + w * 0.13, wy), (wx + w * 0.13, wy + h * 0.2), (wx, wy + h * 0.2)], 0.08, roof)
            x += w * between(rng, 0.8, 1.5)
    return pen


def garden(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """A field of flowers that shrinks towards a far line of trees."""
    pen, _ = sky(rng, shape, families)
    horizon = between(rng, 0.15, 0.4)
    far, green, bloom, other = (int(v) for v in rng.integers(0, families, 4))
    pen.poly([*ridge(rng, horizon, 0.05), (1, 1.2), (0, 1.2)], 0.3, far, 1.3)
    for step in range(6):
        y = horizon + 0.06 + (1 - horizon) * step / 6
        pen.poly([*ridge(rng, y, 0.012), (1, 1.2), (0, 1.2)], 0.6 - 0.06 * step, green, between(rng, 1.2, 1.9))
    spots = scatter(rng, (256, 256), 0.055)
    order = np.argsort(spots[1])  # near flowers over far ones
    for px, py in zip(spots[0][order].tolist(), spots[1][order].tolist(), strict=True):
        depth = (py - horizon) / (1 - horizon)
        if depth > 0.08 and rng.random() < 0.8:
            size = (0.006 + 0.03 * depth) * between(rng, 0.6, 1.3)
            pen.disc(
                px, py, size, size * 0.75, between(rng, 0.5, 1.0), bloom if rng.random() < 0.7 else other,
                rng.random() * 3,
            )  # fmt: skip
    return pen
