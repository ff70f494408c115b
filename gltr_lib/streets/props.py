"""Things that stand still in a street: trees, bushes, hedges, poles, lights, signs, fences, walls.

Each builder adds polygons to a mesh at a spot (x, z). Shape carries the class: a tree has a trunk and a ragged crown, a
traffic light three lamps in a box; a sign is a disc, a triangle, a diamond, an octagon or a board on a pole.
"""

from __future__ import annotations

from gltr_lib.streets.dice import Dice
from gltr_lib.streets.mesh import DARK, FENCE_FLAG, FRONT, GLOW, SIDE, Mesh
from gltr_lib.streets.shapes import CIRCLE, disc

WALL, FENCE, POLE, LIGHT, SIGN, PLANT = 3, 4, 5, 6, 7, 8


def crown(
    m: Mesh,
    d: Dice,
    x: float,
    y: float,
    z: float,
    rx: float,
    ry: float,
    v: float,
    shade: float,
    slot: str = "leaf",
    jag: float = 0.16,
):
    """Add one irregular blob of leaves."""
    points = []
    for i, (c, s) in enumerate(CIRCLE):
        c2, s2 = CIRCLE[(i + 1) % 16]
        for a, b in ((c, s), ((c + c2) * 0.52, (s + s2) * 0.52)):
            k = 1 + jag * (2 * d.u() - 1)
            points.append((x + rx * k * a, y + ry * k * b, z))
    m.face(points, slot, PLANT, z, variant=v, shade=shade, cast=True)


def tree(m: Mesh, d: Dice, x: float, z: float, y: float = 0.0, kind: str | None = None, size: float = 1.0) -> None:
    """Add a tree: a trunk, and a crown of several blobs, dark below and light above."""
    kind = kind or d.weighted({"round": 0.6, "tall": 0.2, "fir": 0.2})
    h = d.bell(5.5, 10.0) * size
    v, t = d.u(), 0.11 + 0.012 * h
    bare = h * d.between(0.25, 0.38)
    m.face(
        [(x - t, y, z), (x + t, y, z), (x + 0.55 * t, y + bare + 0.2 * h, z), (x - 0.55 * t, y + bare + 0.2 * h, z)],
        "bark",
        PLANT,
        z,
        variant=v,
        cast=True,
    )
    m.contact(x - 3 * t, x + 3 * t, z - 2 * t, z + 2 * t)
    if kind == "fir":
        for k, share in enumerate((0.0, 0.22, 0.45, 0.66)):
            base, width = y + bare * 0.45 + (h - bare * 0.45) * share, h * 0.24 * (1 - 0.85 * share)
            top = y + bare * 0.45 + (h - bare * 0.45) * min(1.0, share + 0.42)
            points = [(x - width * 0.12, top, z)]
            for side in (1, -1):
                steps = range(1, 5) if side > 0 else range(4, 0, -1)
                for i in steps:
                    wide = width * i / 4 * (1 + 0.18 * (2 * d.u() - 1))
                    points.append((x + side * wide, top + (base - top) * (i / 4) * (1 + 0.05 * d.u()), z))
            m.face(points, "leaf", PLANT, z, variant=v, shade=0.78 + 0.1 * k, cast=True)
        return
    if kind == "tall":
        rx = h * d.between(0.13, 0.18)
        for k in range(4):
            yy = y + bare + (h - bare) * (0.18 + 0.21 * k)
            crown(
                m,
                d,
                x + 0.2 * rx * (2 * d.u() - 1),
                yy,
                z,
                rx * (0.8, 1.0, 0.95, 0.62)[k],
                (h - bare) * 0.24,
                v,
                0.74 + 0.1 * k,
            )
        return
    rx, cy = h * d.between(0.26, 0.36), y + bare + (h - bare) * 0.5
    ry = (h - bare) * 0.46
    crown(m, d, x, cy, z, rx, ry, v, 0.76)
    for _ in range(d.integer(4, 6)):
        a, b, r = 2 * d.u() - 1, d.between(-0.45, 0.62), d.between(0.38, 0.6)
        crown(m, d, x + a * rx * 0.62, cy + b * ry, z, rx * r, ry * r * 0.9, v, 0.86 + 0.26 * b)


def bush(m: Mesh, d: Dice, x: float, z: float, y: float = 0.0, size: float = 1.0) -> None:
    """Add a bush of a few low blobs."""
    r, v = size * d.between(0.5, 0.9), d.u()
    for _ in range(3):
        a = 2 * d.u() - 1
        crown(m, d, x + a * r * 0.7, y + r * 0.5, z, r * d.between(0.6, 0.9), r * 0.6, v, d.between(0.8, 1.1), "hedge")
    m.contact(x - r * 1.4, x + r * 1.4, z - 0.4, z + 0.4)


def pole(m: Mesh, x: float, z: float, y0: float, y1: float, r: float = 0.07, v: float = 0.0) -> None:
    """Add an upright pole, lighter on one side."""
    m.front(x - r, x + r, y0, y1, z, "pole", POLE, z, variant=v, cast=True)
    m.front(x - r, x - r * 0.2, y0, y1, z, "pole", POLE, z, variant=v, shade=1.22)


def lamp(m: Mesh, d: Dice, x: float, z: float, y: float, arm: float) -> None:
    """Add a street lamp whose arm reaches over the road."""
    v, h = 0.0, d.between(6.0, 8.0)
    pole(m, x, z, y, h, 0.085, v)
    m.face([(x, h - 0.16, z), (x + arm, h + 0.3, z), (x + arm, h + 0.42, z), (x, h, z)], "pole", POLE, z, cast=True)
    e = arm + (0.55 if arm > 0 else -0.55)
    m.face(
        [(x + arm, h + 0.24, z), (x + e, h + 0.24, z), (x + e, h + 0.4, z), (x + arm, h + 0.46, z)],
        "pole",
        POLE,
        z,
        shade=0.8,
    )
    m.front(min(x - 0.15, x + 0.15), x + 0.15, y, y + 0.7, z, "pole", POLE, z, shade=0.85, cast=True)
    m.contact(x - 0.3, x + 0.3, z - 0.25, z + 0.25)


def light_head(m: Mesh, x: float, y: float, z: float, lit: int, s: float = 1.0) -> None:
    """Add the box of a traffic light: red above amber above green, one of them lit."""
    m.front(x - 0.24 * s, x + 0.24 * s, y, y + 1.12 * s, z, "box", LIGHT, z, cast=True)
    for k, name in enumerate(("green", "amber", "red")):
        m.face(
            disc(x, y + (0.2 + 0.36 * k) * s, z, 0.145 * s, 0.145 * s, 2),
            name,
            LIGHT,
            z,
            normal=GLOW if k == lit else DARK,
            shade=1.0 if k == lit else 0.75,
        )


def traffic_light(m: Mesh, d: Dice, x: float, z: float, y: float, arm: float = 0.0) -> None:
    """Add a traffic light on its pole; with an arm, a second one hangs over the road."""
    lit, s = d.pick([0, 0, 2, 2, 1]), d.between(1.0, 1.25)
    pole(m, x, z, y, 5.6 if arm else 3.6, 0.085)
    if arm:
        m.face([(x, 5.4, z), (x + arm, 5.6, z), (x + arm, 5.72, z), (x, 5.6, z)], "pole", POLE, z, cast=True)
        light_head(m, x + arm, 4.55, z - 0.01, lit, s)
    light_head(m, x, 2.5, z - 0.02, lit, s)
    m.contact(x - 0.25, x + 0.25, z - 0.2, z + 0.2)


def sign(m: Mesh, d: Dice, x: float, z: float, y: float) -> None:
    """Add a traffic sign on a pole: disc, triangle, diamond, octagon or board."""
    kind = d.weighted({"disc": 0.34, "triangle": 0.22, "diamond": 0.12, "octagon": 0.12, "board": 0.2})
    r, v, c, zz = d.between(0.38, 0.5), d.u(), y + d.between(2.2, 2.7), z - 0.01
    pole(m, x, z, y, c + 0.2, 0.05)
    shapes = {
        "disc": [(a, b) for a, b in CIRCLE],
        "triangle": [(-1.05, -0.75), (1.05, -0.75), (0.0, 1.05)],
        "diamond": [(0, -1.1), (1.1, 0), (0, 1.1), (-1.1, 0)],
        "octagon": [
            (a * 1.05, b * 1.05)
            for a, b in (
                (0.924, 0.383),
                (0.383, 0.924),
                (-0.383, 0.924),
                (-0.924, 0.383),
                (-0.924, -0.383),
                (-0.383, -0.924),
                (0.383, -0.924),
                (0.924, -0.383),
            )
        ],
        "board": [(-1.3, -0.9), (1.3, -0.9), (1.3, 0.9), (-1.3, 0.9)],
    }
    inner = {"disc": 0.74, "triangle": 0.62, "diamond": 0.72, "octagon": 0.86, "board": 0.9}[kind]
    shift = -0.06 * r if kind == "triangle" else 0.0

    def part(points: list[tuple[float, float]], k: float, slot: str) -> None:
        m.face(
            [(x + r * k * a, c + shift * (k < 1) + r * k * b, zz) for a, b in points],
            slot,
            SIGN,
            zz,
            variant=v,
            cast=k == 1,
        )

    part(shapes[kind], 1.0, "signrim")
    part(shapes[kind], inner, "signface")
    mark = d.integer(0, 2)
    if mark == 0:
        part([(-0.45, -0.12), (0.45, -0.12), (0.45, 0.12), (-0.45, 0.12)], 1.0, "signmark")
    elif mark == 1:
        part(
            [(-0.1, -0.42), (0.1, -0.42), (0.1, 0.12), (0.34, 0.12), (0.0, 0.5), (-0.34, 0.12), (-0.1, 0.12)],
            0.95,
            "signmark",
        )
    else:
        part([(-0.14, -0.4), (0.12, -0.4), (0.2, 0.4), (-0.2, 0.4)], 0.8, "signmark")
    m.contact(x - 0.2, x + 0.2, z - 0.15, z + 0.15)


def fence_run(m: Mesh, d: Dice, x: float, z0: float, z1: float, y: float, h: float, kind: str, near_key: bool) -> None:
    """Add a fence along the street; what one sees between its bars is labelled fence, as in Cityscapes."""
    v, key = d.u(), z0 if near_key else z1
    if kind == "boards":
        m.side(x, z0, z1, y, y + h, "fence", FENCE, key, variant=v, cast=True)
    else:
        m.side(x, z0, z1, y, y + h, "fence", FENCE, key, flag=FENCE_FLAG)
        step = 0.34 if z0 < 30 else 1.2
        z = z0
        while z < z1:
            m.side(x, z, min(z + 0.09 * (step / 0.34), z1), y, y + h * 0.97, "fence", FENCE, key, variant=v, cast=True)
            z += step
    for b in (0.12, 0.86):
        m.side(x, z0, z1, y + h * b, y + h * (b + 0.1), "fence", FENCE, key, variant=v, cast=True)
    z = z0
    while z < z1:
        m.side(x, z, z + 0.14, y, y + h * 1.08, "fence", FENCE, key, variant=v, shade=0.85, cast=True)
        z += 2.6


def wall_run(m: Mesh, d: Dice, x: float, z0: float, z1: float, y: float, h: float) -> None:
    """Add a free-standing wall along the street, with its coping and its near end."""
    s, v = (1.0 if x > 0 else -1.0), d.u()
    m.front(min(x, x + s * 0.35), max(x, x + s * 0.35), y, y + h, z0, "wall", WALL, z1, variant=v, shade=0.9)
    m.side(x, z0, z1, y, y + h, "wall", WALL, z1, variant=v, cast=True)
    m.side(x - s * 0.06, z0, z1, y + h - 0.12, y + h + 0.06, "coping", WALL, z1, variant=v)
    m.ground(min(x, x + s * 0.4), max(x, x + s * 0.4), z0, z1, y + h + 0.06, "coping", WALL, z1, variant=v)
    m.contact(min(x, x - s * 0.3), max(x, x - s * 0.3), z0, z1)


def hedge_run(m: Mesh, d: Dice, x: float, z0: float, z1: float, y: float, h: float) -> None:
    """Add a clipped hedge along the street, its top a little uneven."""
    s, v = (1.0 if x > 0 else -1.0), d.u()
    top, n = [], max(2, int((z1 - z0) / 0.8))
    for i in range(n + 1):
        top.append((x, y + h * (0.94 + 0.14 * d.u()), z1 - (z1 - z0) * i / n))
    m.front(min(x, x + s), max(x, x + s), y, y + h, z0, "hedge", PLANT, z1, variant=v, shade=0.85)
    m.face([(x, y, z0), (x, y, z1), *top], "hedge", PLANT, z1, normal=FRONT, axes=SIDE, variant=v, cast=True)
    m.contact(min(x, x - s * 0.4), max(x, x - s * 0.4), z0, z1)
