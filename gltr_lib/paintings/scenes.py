"""What is painted: small compositions (hills, sea, still life ...) as maps of tone, colour family and direction.

A brush needs a subject. A scene holds no colours: its tone (0 shadow, 1 light) and colour family are looked up in a
palette afterwards, so that one drawing serves thousands of palettes; its angle tells strokes which way to run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from gltr_lib.paintings.palette import Palette
from gltr_lib.paintings.tools import Shape, between, fork, noise, scatter


@dataclass
class Scene:
    """tone float32 (H, W) in [0, 1]; family int (H, W); angle float32 (H, W) in radians."""

    tone: np.ndarray
    family: np.ndarray
    angle: np.ndarray

    def colours(self, palette: Palette) -> np.ndarray:
        """Colour the scene, float32 (H, W, 3)."""
        return palette.colour(self.family, self.tone)


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


def ridge(rng: np.random.Generator, level: float, rough: float, points: int = 40) -> list[tuple[float, float]]:
    """A skyline from the left to the right border, around `level`."""
    x = np.linspace(0, 1, points)
    y = np.full(points, level)
    for octave in range(4):
        frequency = 1.3 * 2**octave
        y += rough * 0.55**octave * np.sin(2 * np.pi * (frequency * between(rng, 0.7, 1.3) * x + rng.random()))
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _sky(rng: np.random.Generator, shape: Shape, families: int) -> tuple[Pen, int]:
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
    pen, _ = _sky(rng, shape, families)
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
    pen, _ = _sky(rng, shape, families)
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


def still_life(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Fruit and a jug on a table."""
    pen, _ = _sky(rng, shape, families)
    table, wall = between(rng, 0.5, 0.68), int(rng.integers(families))
    if rng.random() < 0.6:  # a curtain
        x = between(rng, 0.0, 0.7)
        for fold in range(5):
            left = x + 0.06 * fold
            pen.poly(
                [(left, 0), (left + 0.06, 0), (left + 0.08, table), (left + 0.01, table)],
                0.25 + 0.15 * (fold % 3),
                wall,
                1.5,
            )
    cloth = int(rng.integers(families))
    pen.poly(
        [(0, table), (1, table + between(rng, -0.04, 0.04)), (1, 1.1), (0, 1.1)], between(rng, 0.3, 0.85), cloth, 0.1
    )
    x, body = between(rng, 0.2, 0.8), int(rng.integers(families))
    size = between(rng, 0.11, 0.18)
    pen.ball(x, table, size, size * 1.3, between(rng, 0.25, 0.6), body, 1.4)
    neck = size * between(rng, 0.3, 0.5)
    pen.poly(
        [
            (x - neck, table - size),
            (x - neck * 1.3, table - 2.2 * size),
            (x + neck * 1.3, table - 2.2 * size),
            (x + neck, table - size),
        ],
        0.5,
        body,
        1.57,
    )
    for _ in range(int(rng.integers(4, 10))):
        fx, fy, r = between(rng, 0.08, 0.92), table + between(rng, 0.04, 0.3), between(rng, 0.05, 0.1)
        pen.disc(fx + r * 0.4, fy + r * 0.75, r * 1.2, r * 0.45, 0.12, cloth, 0.1)
        pen.ball(
            fx, fy, r, r * between(rng, 0.85, 1.15), between(rng, 0.35, 0.65), int(rng.integers(families)), rng.random()
        )
    return pen


def bouquet(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Flowers in a vase."""
    pen, _ = _sky(rng, shape, families)
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


def forest(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Trunks against the light."""
    pen, _ = _sky(rng, shape, families)
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
            rng.random(),
            between(rng, -0.05, 0.45),
            between(rng, 0.02, 0.08),
            between(rng, 0.02, 0.05),
            between(rng, 0.25, 0.9),
            leaf if rng.random() < 0.7 else ground,
            rng.random() * 3,
        )
    return pen


def village(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """Houses climbing a hill, roofs and windows."""
    pen, _ = _sky(rng, shape, families)
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
                between(rng, 0.2, 0.55),
                roof,
                0.7,
            )
            for _ in range(2):
                wx, wy = x + w * between(rng, 0.1, 0.75), base - h * between(rng, 0.3, 0.8)
                pen.poly([(wx, wy), (wx + w * 0.13, wy), (wx + w * 0.13, wy + h * 0.2), (wx, wy + h * 0.2)], 0.08, roof)
            x += w * between(rng, 0.8, 1.5)
    return pen


def portrait(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """A head and shoulders, modelled in planes."""
    pen, _ = _sky(rng, shape, families)
    skin, hair, coat = (int(v) for v in rng.integers(0, families, 3))
    x, y, r = between(rng, 0.4, 0.6), between(rng, 0.33, 0.42), between(rng, 0.16, 0.22)
    long = between(rng, 1.0, 1.7)
    pen.disc(x, y - r * 0.1, r * 1.25, r * 1.35 * long**0.5, between(rng, 0.08, 0.5), hair, 1.4)
    pen.poly(
        [(x - r * 0.35, y), (x + r * 0.35, y), (x + r * 0.45, y + 2 * r), (x - r * 0.45, y + 2 * r)], 0.45, skin, 1.57
    )
    pen.poly(
        [
            (x - 2.3 * r, 1.1),
            (x - 1.7 * r, y + 1.9 * r),
            (x, y + 1.6 * r),
            (x + 1.7 * r, y + 1.9 * r),
            (x + 2.3 * r, 1.1),
        ],
        between(rng, 0.2, 0.7),
        coat,
        1.2,
    )
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
        [
            (x - r * 0.9, y - r * 0.3),
            (x - r * 0.5, y - r * 1.05),
            (x + r * 0.6, y - r * 1.0),
            (x + r * 0.9, y - r * 0.2),
            (x, y - r * 0.75),
        ],
        0.2,
        hair,
        0.5,
    )
    return pen


def garden(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """A field of flowers that shrinks towards a far line of trees."""
    pen, _ = _sky(rng, shape, families)
    horizon = between(rng, 0.15, 0.4)
    far, green, bloom, other = (int(v) for v in rng.integers(0, families, 4))
    pen.poly([*ridge(rng, horizon, 0.05), (1, 1.2), (0, 1.2)], 0.3, far, 1.3)
    for step in range(6):
        y = horizon + 0.06 + (1 - horizon) * step / 6
        pen.poly([*ridge(rng, y, 0.012), (1, 1.2), (0, 1.2)], 0.6 - 0.06 * step, green, between(rng, 1.2, 1.9))
    x, y = scatter(rng, (256, 256), 0.055)
    order = np.argsort(y)
    for px, py in zip(x[order].tolist(), y[order].tolist(), strict=True):
        depth = (py - horizon) / (1 - horizon)
        if depth > 0.08 and rng.random() < 0.8:
            size = (0.006 + 0.03 * depth) * between(rng, 0.6, 1.3)
            pen.disc(
                px,
                py,
                size,
                size * 0.75,
                between(rng, 0.5, 1.0),
                bloom if rng.random() < 0.7 else other,
                rng.random() * 3,
            )
    return pen


def shapes(rng: np.random.Generator, shape: Shape, families: int) -> Pen:
    """An abstract composition of discs, wedges and bars."""
    pen, _ = _sky(rng, shape, families)
    for _ in range(int(rng.integers(8, 22))):
        x, y, size, angle = rng.random(), rng.random(), log_size(rng), rng.random() * np.pi
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
                [
                    (x - c - s * wide, y - s + c * wide),
                    (x + c - s * wide, y + s + c * wide),
                    (x + c + s * wide, y + s - c * wide),
                    (x - c + s * wide, y - s - c * wide),
                ],
                tone,
                family,
                angle,
            )
    return pen


def log_size(rng: np.random.Generator) -> float:
    """Size of an abstract shape, between a twentieth and a third of the canvas."""
    return float(0.05 * 7 ** rng.random())


MOTIFS: dict[str, Callable[[np.random.Generator, Shape, int], Pen]] = {
    motif.__name__: motif for motif in (hills, sea, still_life, bouquet, forest, village, portrait, garden, shapes)
}


def compose(rng: np.random.Generator, shape: Shape, palette: Palette, motifs: tuple[str, ...] | None = None) -> Scene:
    """Draw a scene; `motifs` restricts the choice. Tones are stirred by noise, directions by slower noise."""
    names = motifs or tuple(MOTIFS)
    pen = MOTIFS[names[rng.integers(len(names))]](fork(rng), shape, len(palette))
    maps = np.asarray(pen.image)
    tone = maps[..., 0].astype(np.float32) / 255 + (noise(rng, shape, 5, 4, 0.6) - 0.5) * between(rng, 0.1, 0.45)
    angle = maps[..., 2].astype(np.float32) * np.float32(np.pi / 256)
    angle = angle + (noise(rng, shape, between(rng, 1.5, 4), 2) - 0.5) * between(rng, 0.5, 4.0)
    return Scene(np.clip(tone, 0, 1), maps[..., 1].astype(np.intp), angle)
