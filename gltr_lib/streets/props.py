"""Things that stand in a street: people, cycles, trees, poles, lights, signs.

Each builder adds polygons to a mesh at a spot (x, z). Shape carries the class: a person has legs, a trunk, arms and a
head; a traffic light three lamps in a box; a sign is a disc, a triangle, a diamond or an octagon on a pole. People and
plants are flat cut-outs that face the camera; cycles are cut-outs in a plane at any angle to the street.
"""

from __future__ import annotations

from gltr_lib.streets.dice import Dice
from gltr_lib.streets.mesh import BICYCLE_FLAG, DARK, FENCE_FLAG, FRONT, GLOW, Mesh, Point

# Unit circle, 16 corners, from a table of rounded numbers: no call into a mathematics library decides a label.
_Q = (0.0, 0.382683, 0.707107, 0.92388, 1.0)
_S = [*_Q, *_Q[3:0:-1]]
CIRCLE = [(([*_S, *(-s for s in _S)])[(i + 4) % 16], ([*_S, *(-s for s in _S)])[i]) for i in range(16)]
WALL, FENCE, POLE, LIGHT, SIGN, PLANT, PERSON, RIDER, MOTORCYCLE, BICYCLE = 3, 4, 5, 6, 7, 8, 11, 12, 17, 18


def disc(x: float, y: float, z: float, rx: float, ry: float, step: int = 1) -> list[Point]:
    """Return the corners of an upright ellipse that faces the camera."""
    return [(x + rx * c, y + ry * s, z) for c, s in CIRCLE[::step]]


def person(m: Mesh, d: Dice, x: float, z: float, y: float = 0.0, height: float | None = None) -> None:
    """Add a standing or walking person."""
    h = d.bell(1.55, 1.9) if height is None else height
    w, v1, v2, v3 = h * d.between(0.12, 0.15), d.u(), d.u(), d.u()
    stride, lean = h * d.between(0.02, 0.16), d.between(-0.02, 0.02) * h
    swing = d.between(0.3, 1.0) * stride
    hip, neck = y + 0.48 * h, y + 0.84 * h

    def part(points: list[tuple[float, float]], slot: str, variant: float, shade: float = 1.0) -> None:
        m.face([(x + a, b, z) for a, b in points], slot, PERSON, z, variant=variant, shade=shade, cast=True)

    t = 0.052 * h
    part([(-w * 0.7, hip), (w * 0.2, hip), (-stride + t, y), (-stride - t, y)], "legs", v2, 0.82)
    part([(-w * 0.2, hip), (w * 0.7, hip), (stride + t, y), (stride - t, y)], "legs", v2)
    part([(-stride - t, y), (-stride + 1.8 * t, y), (-stride + t, y + 0.05 * h), (-stride - t, y + 0.05 * h)], "tyre", 0)
    part([(stride - t, y), (stride + 1.8 * t, y), (stride + t, y + 0.05 * h), (stride - t, y + 0.05 * h)], "tyre", 0)
    coat = hip - d.pick([0.02, 0.05, 0.16]) * h
    part([(-w - swing, hip), (-w - swing + 0.06 * h, hip), (-w * 0.6 + lean, neck), (-w + lean, neck - 0.02 * h)], "top", v1, 0.8)
    part([(-w * 0.85, coat), (w * 0.85, coat), (w + lean, neck - 0.03 * h), (w * 0.5 + lean, neck), (-w * 0.5 + lean, neck), (-w + lean, neck - 0.03 * h)], "top", v1)  # fmt: skip
    part([(w + swing * 0.6, hip), (w + swing * 0.6 - 0.06 * h, hip), (w * 0.55 + lean, neck - 0.02 * h), (w + lean, neck - 0.03 * h)], "top", v1, 0.88)  # fmt: skip
    if d.chance(0.3):  # a bag
        part([(w * 0.7, hip - 0.1 * h), (w * 1.5, hip - 0.1 * h), (w * 1.4, hip + 0.06 * h), (w * 0.8, hip + 0.06 * h)], "legs", v3)  # fmt: skip
    hx, hy, r = x + lean * 1.6, y + 0.915 * h, 0.068 * h
    m.face(disc(hx, hy, z, r * 0.85, r * 1.15, 2), "skin", PERSON, z, variant=v3, cast=True)
    hair = [(hx + r * 0.95 * c, hy + 0.02 * h + r * 1.15 * s, z) for c, s in CIRCLE[:9]]
    m.face(hair, "hair", PERSON, z, variant=v2)
    m.contact(x - 1.6 * w, x + 1.6 * w, z - 0.25, z + 0.25)


class Plane:
    """An upright plane through (x, z) at an angle to the street: (a, b) goes to x + a*cx, b, z + a*cz."""

    def __init__(self, x: float, z: float, cx: float, cz: float) -> None:
        self.x, self.z, self.cx, self.cz = x, z, cx, cz

    def at(self, points: list[tuple[float, float]], y: float = 0.0) -> list[Point]:
        """Return street coordinates of points (along, up)."""
        return [(self.x + a * self.cx, y + b, self.z + a * self.cz) for a, b in points]


def _bar(a: tuple[float, float], b: tuple[float, float], t: float) -> list[tuple[float, float]]:
    dx, dy = b[0] - a[0], b[1] - a[1]
    n = (dx * dx + dy * dy) ** 0.5 or 1.0
    ox, oy = -dy / n * t, dx / n * t
    return [(a[0] + ox, a[1] + oy), (b[0] + ox, b[1] + oy), (b[0] - ox, b[1] - oy), (a[0] - ox, a[1] - oy)]


def _wheel(c: tuple[float, float], r: float) -> list[tuple[float, float]]:
    return [(c[0] + r * a, c[1] + r * b) for a, b in CIRCLE]


def _ring(c: tuple[float, float], r: float, t: float) -> list[tuple[float, float]]:
    outer = _wheel(c, r)
    inner = _wheel(c, r - t)
    return [*outer, outer[0], inner[0], *inner[:0:-1], inner[0]]


def bicycle(m: Mesh, d: Dice, p: Plane, y: float = 0.0, ridden: bool = False) -> None:
    """Add a bicycle, with its rider if ridden."""
    v, v2, z = d.u(), d.u(), p.z
    back, front, crank, seat, head = (-0.52, 0.34), (0.55, 0.34), (-0.05, 0.32), (-0.2, 0.88), (0.4, 0.86)
    key = z + 0.01
    for c in (back, front):
        m.face(p.at(_wheel(c, 0.34), y), "tyre", BICYCLE, key, flag=BICYCLE_FLAG)  # spokes are see-through
        m.face(p.at(_ring(c, 0.36, 0.065), y), "tyre", BICYCLE, key, cast=True)
    for a, b in ((back, crank), (back, seat), (crank, seat), (crank, head), (seat, head), (head, front)):
        m.face(p.at(_bar(a, b, 0.035), y), "bike", BICYCLE, key, variant=v, cast=True)
    m.face(p.at(_bar(head, (0.42, 1.02), 0.03), y), "bike", BICYCLE, key, variant=v)
    m.face(p.at(_bar((0.28, 1.04), (0.5, 1.0), 0.035), y), "tyre", BICYCLE, key)
    m.face(p.at(_bar((-0.36, 0.93), (-0.06, 0.93), 0.045), y), "tyre", BICYCLE, key)
    m.contact(p.x - abs(p.cx) - 0.15, p.x + abs(p.cx) + 0.15, z - abs(p.cz) * 0.8 - 0.12, z + abs(p.cz) * 0.8 + 0.12)
    if ridden:
        rider(m, p, y, (-0.2, 0.98), (0.36, 1.06), crank, v, v2)


def rider(
    m: Mesh, p: Plane, y: float, seat: tuple[float, float], grip: tuple[float, float], foot: tuple[float, float],
    v: float, v2: float,
) -> None:  # fmt: skip
    """Add a rider: bent legs, a leaning trunk, stretched arms and a helmet."""
    sx, sy = seat
    shoulder = (sx + 0.27, sy + 0.52)
    knee = (sx + 0.38, (sy + foot[1]) / 2 + 0.12)
    low = (foot[0] + 0.02, foot[1] - 0.2)
    key = p.z

    def part(points: list[tuple[float, float]], slot: str, variant: float, shade: float = 1.0) -> None:
        m.face(p.at(points, y), slot, RIDER, key, variant=variant, shade=shade, cast=True)

    part(_bar((sx, sy - 0.02), (knee[0] - 0.16, knee[1] - 0.2), 0.085), "rlegs", v2, 0.75)
    part(_bar((knee[0] - 0.16, knee[1] - 0.2), (low[0] - 0.14, low[1] + 0.02), 0.065), "rlegs", v2, 0.75)
    part(_bar((sx, sy), knee, 0.095), "rlegs", v2)
    part(_bar(knee, low, 0.07), "rlegs", v2)
    part(_bar((low[0] - 0.06, low[1]), (low[0] + 0.18, low[1]), 0.045), "tyre", 0)
    part([(sx - 0.17, sy - 0.06), (sx + 0.15, sy - 0.06), (shoulder[0] + 0.12, shoulder[1] - 0.05), (shoulder[0] + 0.04, shoulder[1] + 0.07), (shoulder[0] - 0.14, shoulder[1] + 0.03)], "rtop", v)  # fmt: skip
    part(_bar((shoulder[0] + 0.02, shoulder[1] - 0.04), (grip[0], grip[1]), 0.06), "rtop", v, 0.85)
    head = (shoulder[0] + 0.13, shoulder[1] + 0.2)
    part([(head[0] + 0.105 * a, head[1] + 0.13 * b) for a, b in CIRCLE[::2]], "skin", v)
    part([(head[0] - 0.01 + 0.135 * a, head[1] + 0.03 + 0.135 * b) for a, b in CIRCLE[:9]], "helmet", v2)


def motorcycle(m: Mesh, d: Dice, p: Plane, y: float = 0.0, ridden: bool = False) -> None:
    """Add a motorcycle or scooter, with its rider if ridden."""
    v, v2, key = d.u(), d.u(), p.z + 0.01
    scooter = d.chance(0.4)
    r = 0.25 if scooter else 0.32
    back, front = (-0.62, r), (0.68, r)

    def part(points: list[tuple[float, float]], slot: str, shade: float = 1.0) -> None:
        m.face(p.at(points, y), slot, MOTORCYCLE, key, variant=v, shade=shade, cast=True)

    for c in (back, front):
        part(_wheel(c, r), "tyre")
        part(_wheel(c, r * 0.5), "hub")
    part(_bar(front, (0.42, 0.98), 0.05), "hub")
    if scooter:
        part([(-0.85, 0.42), (-0.3, 0.36), (-0.25, 0.3), (0.3, 0.3), (0.42, 0.98), (0.52, 0.95), (0.42, 0.18), (-0.35, 0.18), (-0.8, 0.28)], "moto")  # fmt: skip
        part([(-0.88, 0.48), (-0.25, 0.4), (-0.15, 0.72), (-0.85, 0.74)], "moto", 1.08)
    else:
        part([(-0.4, 0.2), (0.35, 0.2), (0.42, 0.5), (-0.35, 0.55)], "under")
        part([(-0.9, 0.66), (-0.3, 0.5), (0.35, 0.5), (0.5, 0.92), (0.15, 0.98), (-0.1, 0.76)], "moto")
        part(_bar((-0.3, 0.3), (-0.95, 0.36), 0.06), "hub")
    part(_bar((-0.85, 0.8), (-0.05, 0.78), 0.06), "tyre")
    part(_bar((0.3, 1.06), (0.5, 1.0), 0.045), "tyre")
    part([(0.5, 0.8), (0.66, 0.84), (0.62, 1.0), (0.46, 1.0)], "moto", 0.9)
    part([(0.6, 0.82), (0.68, 0.84), (0.67, 0.95), (0.59, 0.95)], "head")
    part([(-0.98, 0.66), (-0.88, 0.66), (-0.88, 0.76), (-0.98, 0.76)], "tail")
    m.contact(p.x - abs(p.cx) - 0.2, p.x + abs(p.cx) + 0.2, p.z - abs(p.cz) * 0.9 - 0.2, p.z + abs(p.cz) * 0.9 + 0.2)
    if ridden:
        rider(m, p, y, (-0.3, 0.88), (0.36, 1.04), (0.05, 0.4), v2, v)


def crown(m: Mesh, d: Dice, x: float, y: float, z: float, rx: float, ry: float, v: float, shade: float, slot: str = "leaf", jag: float = 0.16):  # fmt: skip
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
        "bark", PLANT, z, variant=v, cast=True,
    )  # fmt: skip
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
            crown(m, d, x + 0.2 * rx * (2 * d.u() - 1), yy, z, rx * (0.8, 1.0, 0.95, 0.62)[k], (h - bare) * 0.24, v, 0.74 + 0.1 * k)
        return
    rx, cy = h * d.between(0.26, 0.36), y + bare + (h - bare) * 0.5
    ry = (h - bare) * 0.46
    crown(m, d, x, cy, z, rx, ry, v, 0.76)
    for _ in range(d.integer(4, 6)):
        a, b = 2 * d.u() - 1, d.between(-0.45, 0.62)
        k = d.between(0.38, 0.6)
        crown(m, d, x + a * rx * 0.62, cy + b * ry, z, rx * k, ry * k * 0.9, v, 0.86 + 0.26 * b)


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
    m.face([(x + arm, h + 0.24, z), (x + e, h + 0.24, z), (x + e, h + 0.4, z), (x + arm, h + 0.46, z)], "pole", POLE, z, shade=0.8)
    m.front(min(x - 0.15, x + 0.15), x + 0.15, y, y + 0.7, z, "pole", POLE, z, shade=0.85, cast=True)
    m.contact(x - 0.3, x + 0.3, z - 0.25, z + 0.25)


def light_head(m: Mesh, x: float, y: float, z: float, lit: int, s: float = 1.0) -> None:
    """Add the box of a traffic light: red above amber above green, one of them lit."""
    m.front(x - 0.24 * s, x + 0.24 * s, y, y + 1.12 * s, z, "box", LIGHT, z, cast=True)
    for k, name in enumerate(("green", "amber", "red")):
        m.face(
            disc(x, y + (0.2 + 0.36 * k) * s, z, 0.145 * s, 0.145 * s, 2), name, LIGHT, z,
            normal=GLOW if k == lit else DARK, shade=1.0 if k == lit else 0.75,
        )  # fmt: skip


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
        "octagon": [(a * 1.05, b * 1.05) for a, b in ((0.924, 0.383), (0.383, 0.924), (-0.383, 0.924), (-0.924, 0.383), (-0.924, -0.383), (-0.383, -0.924), (0.383, -0.924), (0.924, -0.383))],
        "board": [(-1.3, -0.9), (1.3, -0.9), (1.3, 0.9), (-1.3, 0.9)],
    }  # fmt: skip
    inner = {"disc": 0.74, "triangle": 0.62, "diamond": 0.72, "octagon": 0.86, "board": 0.9}[kind]
    shift = -0.06 * r if kind == "triangle" else 0.0

    def part(points: list[tuple[float, float]], k: float, slot: str) -> None:
        m.face([(x + r * k * a, c + shift * (k < 1) + r * k * b, zz) for a, b in points], slot, SIGN, zz, variant=v, cast=k == 1)

    part(shapes[kind], 1.0, "signrim")
    part(shapes[kind], inner, "signface")
    mark = d.integer(0, 2)
    if mark == 0:
        part([(-0.45, -0.12), (0.45, -0.12), (0.45, 0.12), (-0.45, 0.12)], 1.0, "signmark")
    elif mark == 1:
        part([(-0.1, -0.42), (0.1, -0.42), (0.1, 0.12), (0.34, 0.12), (0.0, 0.5), (-0.34, 0.12), (-0.1, 0.12)], 0.95, "signmark")
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
    m.face([(x, y, z0), (x, y, z1), *top], "hedge", PLANT, z1, normal=FRONT, axes=1, variant=v, cast=True)
    m.contact(min(x, x - s * 0.4), max(x, x - s * 0.4), z0, z1)

