"""Subjects of the studio: still life, bouquet, portrait, abstract shapes.

Each draws tone, colour family and brush direction with one `Pen`; it is given how many colour families there are.
"""

from __future__ import annotations

import numpy as np

from gltr_lib.paintings.outdoors import sky
from gltr_lib.paintings.pen import Pen
from gltr_lib.paintings.tools import Shape, between, log_between


def still_life(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Fruit and a jug on a table."""
    pen, _ = sky(rng, shape, families)
    table, wall = between(rng, 0.5, 0.68), int(rng.integers(families))
    if rng.random() < 0.6:  # a curtain
        x = between(rng, 0.0, 0.7)
        for fold in range(5):
            left = x + 0.06 * fold
            pen.poly(
                [(left, 0), (left + 0.06, 0), (left + 0.08, table), (left + 0.01, table)], 0.25 + 0.15 * (fold % 3),
                wall, 1.5,
            )  # fmt: skip
    cloth = int(rng.integers(families))
    pen.poly(
        [(0, table), (1, table + between(rng, -0.04, 0.04)), (1, 1.1), (0, 1.1)], between(rng, 0.3, 0.85), cloth, 0.1
    )
    x, body = between(rng, 0.2, 0.8), int(rng.integers(families))
    size = between(rng, 0.11, 0.18)
    pen.ball(x, table, size, size * 1.3, between(rng, 0.25, 0.6), body, 1.4)
    neck = size * between(rng, 0.3, 0.5)
    pen.poly(
        [(x - neck, table - size), (x - neck * 1.3, table - 2.2 * size),
         (x + neck * 1.3, table - 2.2 * size), (x + neck, table - size)], 0.5, body, 1.57,
    )  # fmt: skip
    for _ in range(int(rng.integers(4, 10))):
        fx, fy, r = between(rng, 0.08, 0.92), table + between(rng, 0.04, 0.3), between(rng, 0.05, 0.1)
        pen.disc(fx + r * 0.4, fy + r * 0.75, r * 1.2, r * 0.45, 0.12, cloth, 0.1)
        pen.ball(
            fx, fy, r, r * between(rng, 0.85, 1.15), between(rng, 0.35, 0.65), int(rng.integers(families)), rng.random()
        )
    return pen


def bouquet(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Flowers in a vase."""
    pen, _ = sky(rng, shape, families)
    leaf, vase, ground = (int(v) for v in rng.integers(0, families, 3))
    pen.poly([(0, 0.8), (1, 0.78), (1, 1.1), (0, 1.1)], between(rng, 0.2, 0.5), ground, 0.05)
    pen.ball(0.5, 0.82, 0.14, 0.18, between(rng, 0.3, 0.6), vase, 1.4)
    spread = between(rng, 0.2, 0.34)
    for _ in range(26):
        turn, reach = rng.random() * 2 * np.pi, spread * rng.random() ** 0.5
        x, y = 0.5 + reach * np.cos(turn), 0.4 + reach * np.sin(turn)
        pen.line([(0.5, 0.7), (x, y)], 0.008, 0.2, leaf, 1.4)
        pen.disc(x, y, 0.05, 0.03, between(rng, 0.2, 0.45), leaf, rng.random() * 3)
    for _ in range(int(rng.integers(12, 26))):
        turn, reach = rng.random() * 2 * np.pi, spread * rng.random() ** 0.5
        x, y, r = 0.5 + reach * np.cos(turn), 0.4 + reach * np.sin(turn), between(rng, 0.03, 0.075)
        family, petals = int(rng.integers(families)), int(rng.integers(5, 9))
        for petal in range(petals):
            a = 2 * np.pi * petal / petals
            pen.disc(
                x + r * 0.6 * np.cos(a), y + r * 0.6 * np.sin(a), r * 0.5, r * 0.5, between(rng, 0.55, 0.95), family, a
            )
        pen.disc(x, y, r * 0.3, r * 0.3, between(rng, 0.1, 0.6), int(rng.integers(families)), 0.0)
    return pen


def portrait(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """A head and shoulders, modelled in planes."""
    pen, _ = sky(rng, shape, families)
    skin, hair, coat = (int(v) for v in rng.integers(0, families, 3))
    x, y, r = between(rng, 0.4, 0.6), between(rng, 0.33, 0.42), between(rng, 0.16, 0.22)
    long = between(rng, 1.0, 1.7)
    pen.disc(x, y - r * 0.1, r * 1.25, r * 1.35 * long**0.5, between(rng, 0.08, 0.5), hair, 1.4)
    pen.poly(
        [(x - r * 0.35, y), (x + r * 0.35, y), (x + r * 0.45, y + 2 * r), (x - r * 0.45, y + 2 * r)], 0.45, skin, 1.57
    )
    pen.poly(
        [(x - 2.3 * r, 1.1), (x - 1.7 * r, y + 1.9 * r), (x, y + 1.6 * r),
         (x + 1.7 * r, y + 1.9 * r), (x + 2.3 * r, 1.1)], between(rng, 0.2, 0.7), coat, 1.2,
    )  # fmt: skip
    pen.ball(x, y, r * 0.8, r * 1.2, 0.62, skin, 1.3)
    almond = rng.random() < 0.6  # eyes without whites, as on a mask
    for side in (-1, 1):
        ex, ey = x + side * r * 0.35, y - r * 0.12
        pen.disc(ex, ey, r * 0.17, r * 0.07, 0.15 if almond else 0.9, hair if almond else skin)
        pen.disc(ex, ey, r * 0.06, r * 0.06, 0.05, hair)
        pen.line(
            [(ex - r * 0.2, ey - r * 0.17), (ex, ey - r * 0.25), (ex + r * 0.2, ey - r * 0.17)], 0.012, 0.1, hair, 0.0
        )
    pen.poly([(x, y - r * 0.1), (x + r * 0.16, y + r * 0.35), (x - r * 0.05, y + r * 0.37)], 0.35, skin, 1.3)
    pen.disc(x, y + r * 0.62, r * 0.25, r * 0.08, 0.3, coat)
    pen.poly(
        [(x - r * 0.9, y - r * 0.3), (x - r * 0.5, y - r * 1.05), (x + r * 0.6, y - r * 1.0),
         (x + r * 0.9, y - r * 0.2), (x, y - r * 0.75)], 0.2, hair, 0.5,
    )  # fmt: skip
    return pen


def shapes(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """An abstract composition of discs, wedges and bars."""
    pen, _ = sky(rng, shape, families)
    for _ in range(int(rng.integers(8, 22))):
        x, y, size, angle = rng.random(), rng.random(), log_between(rng, 0.05, 0.35), rng.random() * np.pi
        tone, family, kind = rng.random(), int(rng.integers(families)), int(rng.integers(4))
        c, s = np.cos(angle) * size, np.sin(angle) * size
        if kind == 0:
            pen.disc(x, y, size, size, tone, family, angle)
        elif kind == 1:
            pen.ball(x, y, size * 0.7, size * 0.7, tone, family, angle)
        elif kind == 2:
            pen.poly([(x + c, y + s), (x - s, y + c), (x - c * 0.6, y - s * 0.6)], tone, family, angle)
        else:
            wide = 0.12
            pen.poly(
                [(x - c - s * wide, y - s + c * wide), (x + c - s * wide, y + s + c * wide),
                 (x + c + s * wide, y + s - c * wide), (x - c + s * wide, y - s - c * wide)], tone, family, angle,
            )  # fmt: skip
    return pen
