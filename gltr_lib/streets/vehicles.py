"""Vehicles: cars from a side profile, and boxes on wheels (lorries, buses, trams).

A car is its side outline, pushed across its width: the strips between two neighbouring outline points are bonnet,
windscreen, roof, rear window and boot; a strip is drawn if the camera is on its outer side. The cabin leans inwards, as
real ones do, and wheels, windows and lights are laid on top. A vehicle's near end is at z0; ``away`` tells whether it
drives away from the camera (red lights) or towards it (white ones).
"""

# ruff: noqa: E501 (the outlines read better as rows)

from __future__ import annotations

from gltr_lib.streets.dice import Dice
from gltr_lib.streets.mesh import FRONT, GLOW, LEFT, NEAR, RIGHT, SIDE, UNIT, UP, Mesh, Point
from gltr_lib.streets.shapes import CIRCLE

CAR, TRUCK, BUS, TRAIN = 13, 14, 15, 16
# Outlines from rear (0) to front (1): (share of the length, height in metres, kind of the strip that starts there).
PROFILES = {
    "sedan": ((0.0, 0.3, "b"), (0.012, 0.62, "b"), (0.03, 0.94, "b"), (0.17, 0.99, "g"), (0.31, 1.42, "r"), (0.57, 1.44, "g"), (0.75, 0.98, "b"), (0.96, 0.8, "b"), (0.995, 0.56, "b"), (1.0, 0.3, "")),
    "hatch": ((0.0, 0.3, "b"), (0.012, 0.6, "b"), (0.03, 0.95, "g"), (0.11, 1.42, "r"), (0.56, 1.5, "g"), (0.76, 1.0, "b"), (0.96, 0.82, "b"), (0.995, 0.56, "b"), (1.0, 0.3, "")),
    "suv": ((0.0, 0.38, "b"), (0.01, 0.7, "b"), (0.02, 1.08, "g"), (0.07, 1.68, "r"), (0.58, 1.72, "g"), (0.74, 1.14, "b"), (0.97, 0.98, "b"), (0.995, 0.66, "b"), (1.0, 0.38, "")),
    "van": ((0.0, 0.34, "b"), (0.01, 0.7, "b"), (0.012, 1.12, "g"), (0.03, 1.88, "r"), (0.72, 1.92, "g"), (0.88, 1.16, "b"), (0.98, 0.98, "b"), (0.995, 0.62, "b"), (1.0, 0.34, "")),
}  # fmt: skip
SIZES = {"sedan": (4.6, 1.78), "hatch": (4.0, 1.72), "suv": (4.6, 1.86), "van": (4.9, 1.92)}


def _wheel(m: Mesh, x: float, z: float, r: float, label: int, key: float) -> None:
    if z - r < NEAR:
        return
    for radius, slot in ((r, "tyre"), (r * 0.62, "hub"), (r * 0.2, "tyre")):
        points = [(x, r + radius * s, z + radius * c) for c, s in CIRCLE]
        m.face(points, slot, label, key, normal=LEFT if x > 0 else RIGHT, axes=SIDE, cast=radius == r)


def car(m: Mesh, d: Dice, x: float, z0: float, away: bool, kind: str | None = None) -> float:
    """Add a car centred at x with its near end at z0.

    Returns:
        Its length in metres.
    """
    kind = kind or d.weighted({"sedan": 0.32, "hatch": 0.34, "suv": 0.24, "van": 0.1})
    length, width = SIZES[kind]
    v, x0, x1, key, eye = d.u(), x - width / 2, x + width / 2, z0, m.camera.height
    z1 = z0 + length
    outline = [(t, y, k) for t, y, k in PROFILES[kind]]
    if not away:
        turned = outline[::-1]
        outline = [(1 - t, y, turned[i + 1][2] if i + 1 < len(turned) else "") for i, (t, y, _) in enumerate(turned)]
    shoulder = min(y for t, y, k in outline if k == "g") - 0.02
    low = outline[0][1]

    def at(side: int, t: float, y: float) -> Point:
        lean = max(0.0, y - shoulder) * 0.36
        return (x0 + lean if side == 0 else x1 - lean, y, z0 + t * length)

    m.contact(x0 - 0.12, x1 + 0.12, z0 - 0.1, z1)
    m.front(x0 + 0.1, x1 - 0.1, 0.14, low + 0.05, z0 + 0.25, "under", CAR, key)
    for a in (x0 + 0.06, x1 - 0.30):
        m.front(a, a + 0.24, 0.0, low + 0.1, z0 + 0.3, "tyre", CAR, key)
    side = 0 if x0 > 0 else (1 if x1 < 0 else None)
    if side is not None:  # wheels first: the body's arches cut their upper edge
        sx = x0 if side == 0 else x1
        body = [at(side, t, y) for t, y, k in outline if y <= shoulder + 0.03]
        m.face(body, "under", CAR, key, normal=LEFT if sx > 0 else RIGHT, axes=SIDE, shade=0.9)
    for i in range(len(outline) - 2, -1, -1):
        (ta, ya, kind_a), (tb, yb, _) = outline[i], outline[i + 1]
        za, rise, run = z0 + ta * length, yb - ya, (tb - ta) * length
        if rise * za + run * (eye - ya) <= 0:
            continue  # turned away from the camera
        quad = [at(0, ta, ya), at(1, ta, ya), at(1, tb, yb), at(0, tb, yb)]
        steep = rise > 0.8 * run
        m.face(quad, "car", CAR, key, FRONT if steep else UP, UNIT, v, 1.0 if steep else 1.06, cast=True)
        if kind_a == "g":
            glass = [
                at(0, ta + 0.012, ya + 0.05),
                at(1, ta + 0.012, ya + 0.05),
                at(1, tb - 0.006, yb - 0.05),
                at(0, tb - 0.006, yb - 0.05),
            ]
            glass = [(px + (0.07 if j in (0, 3) else -0.07), py, pz) for j, (px, py, pz) in enumerate(glass)]
            m.face(glass, "cglass", CAR, key, FRONT, UNIT)
    if side is not None:
        sx = x0 if side == 0 else x1
        normal = LEFT if sx > 0 else RIGHT
        body = [at(side, t, y) for t, y, k in outline if y <= shoulder + 0.03]
        m.face(body, "car", CAR, key, normal, SIDE, v, cast=True)
        house = [at(side, t, y) for t, y, k in outline if y > shoulder - 0.03 and 0.02 < t < 0.98]
        tall = [(t, y) for t, y, k in outline if y > shoulder + 0.2]
        base = [(t, y) for t, y, k in outline if shoulder - 0.03 < y <= shoulder + 0.2 and 0.0 < t < 0.99]
        t_in, t_out = tall[0][0], tall[-1][0]
        near = max((t for t, _ in base if t < t_in), default=t_in)
        far = min((t for t, _ in base if t > t_out), default=t_out)
        m.face(house, "car", CAR, key, normal, SIDE, v, cast=True)
        top = tall[0][1] - 0.07
        mid = 0.5 * (t_in + t_out)
        w = 0.014
        m.face(
            [
                at(side, near + 2.6 * w, shoulder + 0.06),
                at(side, mid - w, shoulder + 0.06),
                at(side, mid - w, top),
                at(side, t_in + w, top),
            ],
            "cglass",
            CAR,
            key,
            normal,
            UNIT,
        )
        m.face(
            [
                at(side, mid + w, shoulder + 0.06),
                at(side, far - 2.6 * w, shoulder + 0.06),
                at(side, t_out - w, top),
                at(side, mid + w, top),
            ],
            "cglass",
            CAR,
            key,
            normal,
            UNIT,
        )
        for t in (0.19, 0.8):
            _wheel(m, sx, z0 + t * length, 0.33 if kind != "suv" else 0.38, CAR, key)
    _lights(m, x0, x1, low + 0.32, z0, away, CAR, key)
    m.front(x - 0.26, x + 0.26, low + 0.16, low + 0.28, z0, "plate", CAR, key)
    m.front(x0 + 0.02, x1 - 0.02, low - 0.03, low + 0.09, z0, "under", CAR, key)
    return length


def _lights(m: Mesh, x0: float, x1: float, y: float, z: float, away: bool, label: int, key: float) -> None:
    slot = "tail" if away else "head"
    for a in (x0 + 0.07, x1 - 0.37):
        m.front(a, a + 0.3, y, y + 0.17, z, slot, label, key, normal=GLOW)


def _box(
    m: Mesh,
    x0: float,
    x1: float,
    y0: float,
    y1: float,
    z0: float,
    z1: float,
    slot: str,
    label: int,
    v: float,
    key: float,
):
    """A box: its near end, the side towards the camera's line, and its top if one can see it."""
    z0 = max(z0, NEAR)
    if m.camera.height > y1:
        m.ground(x0, x1, z0, z1, y1, slot, label, key, variant=v, cast=True)
    if x0 > 0 or x1 < 0:
        m.side(x0 if x0 > 0 else x1, z0, z1, y0, y1, slot, label, key, variant=v, cast=True)
    m.front(x0, x1, y0, y1, z0, slot, label, key, variant=v, cast=True)


def _side_windows(m: Mesh, x: float, z0: float, z1: float, y0: float, y1: float, step: float, label: int, key: float):
    z = z0
    while z + 0.5 < z1:
        m.side(x, max(z, NEAR), min(z + step - 0.16, z1), y0, y1, "cglass", label, key, axes=UNIT)
        z += step


def truck(m: Mesh, d: Dice, x: float, z0: float, away: bool) -> float:
    """Add a lorry: a cab, a gap, and a cargo box or tilt; returns its length."""
    v, v2, key, w = d.u(), d.u(), z0, 2.45
    cargo, cab_h, top = d.between(4.2, 6.5), d.between(2.5, 2.9), d.between(3.2, 3.7)
    x0, x1, length = x - w / 2, x + w / 2, cargo + 2.3
    side = x0 if x0 > 0 else (x1 if x1 < 0 else None)
    box = (z0, z0 + cargo) if away else (z0 + 2.3, z0 + length)
    cab = (z0 + cargo + 0.3, z0 + length) if away else (z0, z0 + 2.0)

    def draw_box() -> None:
        _box(m, x0, x1, 0.95, top, *box, "cargo", TRUCK, v2, key)
        if side is not None:
            m.side(side, max(box[0], NEAR), box[1], 0.45, 0.95, "under", TRUCK, key)
        m.front(x0 + 0.1, x1 - 0.1, 0.5, 0.95, box[0], "under", TRUCK, key)
        if away:
            for a, b in ((x0 + 0.06, x - 0.03), (x + 0.03, x1 - 0.06)):
                m.front(a, b, 1.02, top - 0.07, box[0], "cargo", TRUCK, key, variant=v2, shade=0.93)

    def draw_cab() -> None:
        _box(m, x0 + 0.08, x1 - 0.08, 0.5, cab_h, *cab, "truck", TRUCK, v, key)
        if side is not None:
            s = side + (0.08 if side > 0 else -0.08)
            zz = max(cab[0] + 0.35, NEAR)
            m.side(s, zz, max(cab[0] + 1.4, zz + 0.01), 1.5, cab_h - 0.25, "cglass", TRUCK, key, axes=UNIT)
        if not away:
            m.front(x0 + 0.2, x1 - 0.2, 1.45, cab_h - 0.2, cab[0], "cglass", TRUCK, key, axes=UNIT)
            m.front(x0 + 0.5, x1 - 0.5, 0.85, 1.25, cab[0], "under", TRUCK, key)

    for draw in (draw_cab, draw_box) if away else (draw_box, draw_cab):
        draw()
    for a in (x0 + 0.05, x1 - 0.5):
        m.front(a, a + 0.45, 0.0, 0.6, z0 + 0.4, "tyre", TRUCK, key)
    if side is not None:
        for t in (0.7, 1.75, length - 1.1) if away else (1.1, length - 1.75, length - 0.7):
            _wheel(m, side, z0 + t, 0.48, TRUCK, key)
    m.front(x0 + 0.05, x1 - 0.05, 0.42, 0.66, z0, "under", TRUCK, key)
    _lights(m, x0, x1, 0.68, z0, away, TRUCK, key)
    m.front(x - 0.3, x + 0.3, 0.48, 0.6, z0, "plate", TRUCK, key)
    m.contact(x0 - 0.1, x1 + 0.1, z0, z0 + length)
    return length


def bus(m: Mesh, d: Dice, x: float, z0: float, away: bool) -> float:
    """Add a bus: a long box with a band of windows, doors and a destination board; returns its length."""
    v, key, w, h = d.u(), z0, 2.5, d.between(2.95, 3.2)
    length = d.between(9.5, 12.0)
    x0, x1 = x - w / 2, x + w / 2
    side = x0 if x0 > 0 else (x1 if x1 < 0 else None)
    _box(m, x0, x1, 0.32, h, z0, z0 + length, "bus", BUS, v, key)
    if side is not None:
        m.side(side, max(z0, NEAR), z0 + length, 0.32, 0.5, "under", BUS, key)
        m.side(side, max(z0, NEAR), z0 + length, 0.95, 1.12, "stripe", BUS, key, variant=v)
        _side_windows(m, side, z0 + 0.3, z0 + length - 0.3, 1.35, 2.55, 1.5, BUS, key)
        for t in (0.9, length * 0.55):
            if z0 + t > NEAR:
                m.side(side, z0 + t, z0 + t + 1.1, 0.42, 2.55, "cglass", BUS, key, axes=UNIT)
        for t in (2.6, length - 2.4):
            _wheel(m, side, z0 + t, 0.48, BUS, key)
    m.front(x0 + 0.12, x1 - 0.12, 1.2, 2.45, z0, "cglass", BUS, key, axes=UNIT)
    m.front(x0 + 0.4, x1 - 0.4, 2.58, h - 0.12, z0, "under", BUS, key)
    m.front(x0 + 0.6, x + 0.1, 2.66, h - 0.2, z0, "amber", BUS, key, normal=GLOW)
    for a in (x0 + 0.1, x1 - 0.45):
        m.front(a, a + 0.35, 0.0, 0.4, z0 + 0.3, "tyre", BUS, key)
    m.front(x0, x1, 0.32, 0.55, z0, "under", BUS, key)
    _lights(m, x0, x1, 0.7, z0, away, BUS, key)
    m.front(x - 0.26, x + 0.26, 0.56, 0.68, z0, "plate", BUS, key)
    m.contact(x0 - 0.1, x1 + 0.1, z0, z0 + length)
    return length


def tram(m: Mesh, d: Dice, x: float, z0: float, away: bool) -> float:
    """Add a tram on its rails: jointed sections, a raked nose, a stripe, a pantograph; returns its length."""
    v, key, w, h = d.u(), z0, 2.5, d.between(3.3, 3.5)
    sections, part = d.integer(2, 4), d.between(7.5, 9.0)
    length = sections * part
    x0, x1 = x - w / 2, x + w / 2
    side = x0 if x0 > 0 else (x1 if x1 < 0 else None)
    body = z0 + 0.9  # behind the raked nose
    m.face(
        [(x - 0.6, h, body + 3), (x + 0.5, h + 1.2, body + 4), (x + 0.6, h + 1.2, body + 4), (x - 0.5, h, body + 3)],
        "pole",
        TRAIN,
        key,
    )
    m.front(x - 0.8, x + 0.8, h + 1.15, h + 1.27, body + 4, "under", TRAIN, key)
    m.front(x0 + 0.15, x1 - 0.15, h, h + 0.3, body + 1.5, "under", TRAIN, key)
    _box(m, x0, x1, 0.28, h, body, z0 + length, "train", TRAIN, v, key)
    if side is not None:
        n = LEFT if side > 0 else RIGHT
        m.face(
            [(side, 0.28, z0), (side, 0.28, body), (side, h, body), (side, 1.1, z0)], "train", TRAIN, key, n, SIDE, v
        )
        m.face(
            [(side, 1.25, z0 + 0.3), (side, 1.25, body + 0.6), (side, 2.7, body + 0.6), (side, 2.7, body)],
            "cglass",
            TRAIN,
            key,
            n,
            UNIT,
        )
        m.side(side, max(z0, NEAR), z0 + length, 0.0, 0.32, "under", TRAIN, key)
        m.side(side, max(z0, NEAR), z0 + length, 0.75, 1.0, "stripe", TRAIN, key, variant=v)
        _side_windows(m, side, body + 0.9, z0 + length - 0.4, 1.35, 2.65, 1.6, TRAIN, key)
        for k in range(1, sections):
            zz = z0 + k * part
            m.side(side, zz, zz + 0.55, 0.28, h, "under", TRAIN, key)
    m.face([(x0, 0.28, z0), (x1, 0.28, z0), (x1, 1.1, z0), (x0, 1.1, z0)], "train", TRAIN, key, variant=v, cast=True)
    m.face(
        [(x0, 1.1, z0), (x1, 1.1, z0), (x1 - 0.15, h, body), (x0 + 0.15, h, body)],
        "train",
        TRAIN,
        key,
        variant=v,
        cast=True,
    )
    m.face(
        [(x0 + 0.15, 1.2, z0), (x1 - 0.15, 1.2, z0), (x1 - 0.28, 2.65, body - 0.3), (x0 + 0.28, 2.65, body - 0.3)],
        "cglass",
        TRAIN,
        key,
        FRONT,
        UNIT,
    )
    m.front(x - 0.75, x + 0.75, 2.8, 3.1, body, "amber", TRAIN, key, normal=GLOW)
    m.front(x0, x1, 0.75, 1.0, z0, "stripe", TRAIN, key, variant=v)
    m.front(x0 + 0.1, x1 - 0.1, 0.08, 0.34, z0, "under", TRAIN, key)
    _lights(m, x0, x1, 0.48, z0, away, TRAIN, key)
    m.contact(x0 - 0.1, x1 + 0.1, z0, z0 + length)
    return length
