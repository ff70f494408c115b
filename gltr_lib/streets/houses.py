"""Houses along the street: walls, windows in rows, doors, shops, cornices, roofs.

A house stands at x (its street front), from z0 to z1; ``side`` is -1 for the left row and 1 for the right one. Its near
end wall is drawn too, for the places where the neighbour is lower or absent.
"""

from __future__ import annotations

from gltr_lib.streets.dice import Dice
from gltr_lib.streets.mesh import LEFT, RIGHT, SIDE, UNIT, UP, Mesh

BUILDING = 2
DEPTH = 11.0


def _windows(m: Mesh, d: Dice, x: float, z0: float, z1: float, y: float, floors: int, rise: float, v: float, side: int):
    """Rows of windows with sills; far away, where they would be smaller than a pixel, fewer and wider ones."""
    key, pitch = z1, d.between(1.9, 2.9)
    if z0 > 55:
        pitch *= 2
    n = max(1, int((z1 - z0 - 0.6) / pitch))
    pitch = (z1 - z0 - 0.6) / n
    w, h = pitch * d.between(0.42, 0.62), rise * d.between(0.46, 0.62)
    sill, surround, balcony = d.chance(0.7), d.chance(0.4), d.chance(0.2)
    for floor in range(floors):
        yy = y + floor * rise + rise * 0.24
        for k in range(n):
            a = z0 + 0.3 + pitch * (k + 0.5) - w / 2
            if z0 < 40 and surround:
                m.side(x, a - 0.12, a + w + 0.12, yy - 0.12, yy + h + 0.14, "trim", BUILDING, key, variant=v)
            m.side(x, a, a + w, yy, yy + h, "glass", BUILDING, key, variant=v, axes=UNIT)
            if z0 < 40:
                m.side(x, a, a + w, yy + h - 0.09, yy + h, "door", BUILDING, key, variant=v, shade=0.6)
            if sill and z0 < 40:
                m.side(x - side * 0.08, a - 0.1, a + w + 0.1, yy - 0.14, yy, "trim", BUILDING, key, variant=v)
            if balcony and floor and z0 < 40 and k % 2 == 0:
                m.side(
                    x - side * 0.7,
                    a - 0.3,
                    a + w + 0.3,
                    yy - 0.25,
                    yy + 0.65,
                    "trim",
                    BUILDING,
                    key,
                    variant=v,
                    shade=0.9,
                )


def _ground_floor(m: Mesh, d: Dice, x: float, z0: float, z1: float, h: float, v: float, side: int) -> None:
    key = z1
    if d.chance(0.45):  # a shop: big panes, a name board, perhaps an awning
        shop = d.u()
        m.side(x, z0 + 0.3, z1 - 0.3, 0.1, h - 0.35, "shop", BUILDING, key, variant=shop)
        n = max(2, int((z1 - z0) / 3.2))
        w = (z1 - z0 - 0.9) / n
        for k in range(n):
            a = z0 + 0.45 + k * w
            low = 0.15 if k == n // 2 else 0.6
            m.side(x, a + 0.12, a + w - 0.12, low, h - 1.0, "glass", BUILDING, key, variant=v, axes=UNIT)
        if d.chance(0.6):
            for k in range(n):
                a = z0 + 0.45 + k * w
                y, out = h - 0.95, -side * 1.0
                m.face(
                    [(x, y + 0.3, a), (x, y + 0.3, a + w), (x + out, y - 0.25, a + w), (x + out, y - 0.25, a)],
                    "awning",
                    BUILDING,
                    key,
                    UP,
                    UNIT,
                    shop,
                )
                m.side(x + out, a, a + w, y - 0.45, y - 0.25, "awning", BUILDING, key, variant=shop, shade=0.9)
        return
    if d.chance(0.5):
        m.side(x, z0, z1, 0.0, 0.75, "trim", BUILDING, key, variant=v, shade=0.72)
    n = max(2, int((z1 - z0) / 3.0))
    w, door = (z1 - z0) / n, d.integer(0, n - 1)
    for k in range(n):
        a = z0 + w * k + w * 0.28
        if k == door:
            m.side(x, a - 0.1, a + 1.3, 0.1, 2.5, "trim", BUILDING, key, variant=v)
            m.side(x, a, a + 1.2, 0.1, 2.35, "door", BUILDING, key, variant=d.u(), axes=UNIT)
        else:
            m.side(x, a - 0.09, a + w * 0.45 + 0.09, 0.95, h - 0.8, "trim", BUILDING, key, variant=v)
            m.side(x, a, a + w * 0.45, 1.05, h - 0.9, "glass", BUILDING, key, variant=v, axes=UNIT)


def _cornice(m: Mesh, x: float, z0: float, z1: float, y: float, out: float, v: float, side: int) -> None:
    a, b = sorted((x, x - side * out))
    m.face(
        [(x, y - 0.3, z0), (x, y - 0.3, z1), (x - side * out, y, z1), (x - side * out, y, z0)],
        "trim",
        BUILDING,
        z1,
        LEFT if x > 0 else RIGHT,
        SIDE,
        v,
        0.7,
    )
    m.front(a, b, y, y + 0.25, z0, "trim", BUILDING, z1, variant=v)
    m.side(x - side * out, z0, z1, y, y + 0.25, "trim", BUILDING, z1, variant=v, cast=True)


def house(m: Mesh, d: Dice, x: float, z0: float, z1: float, side: int, floors: int) -> None:
    """Add a house with a ground floor, rows of windows, a cornice and a pitched or flat roof."""
    v, rise, base = d.u(), d.between(2.9, 3.4), d.between(3.3, 4.1)
    eave = base + (floors - 1) * rise + 0.4
    far, key = x + side * DEPTH, z1
    pitched = d.chance(0.65)
    ridge = eave + (d.between(2.4, 4.0) if pitched else 0.0)
    half = x + side * DEPTH / 2
    if d.chance(0.4) and pitched:
        zc = d.between(z0, z1 - 1.0)
        m.front(min(half, half + side), max(half, half + side), ridge - 1.2, ridge + 1.0, zc, "wall", BUILDING, key)
        m.side(half, zc, zc + 0.9, ridge - 1.2, ridge + 1.0, "wall", BUILDING, key, shade=0.85)
    gable = [(x, 0.0, z0), (x, eave, z0), (half, ridge, z0), (far, eave, z0), (far, 0.0, z0)]
    m.face(gable, "facade", BUILDING, key, variant=v, shade=0.94, cast=True)
    if z0 < 60:
        for floor in range(1, floors):
            for k in (0.3, 0.62):
                xx, yy = x + side * DEPTH * k, base + (floor - 1) * rise + 0.8
                m.front(
                    min(xx, xx + side * 1.1),
                    max(xx, xx + side * 1.1),
                    yy,
                    yy + 1.5,
                    z0,
                    "glass",
                    BUILDING,
                    key,
                    variant=v,
                    axes=UNIT,
                )
    m.side(x, z0, z1, 0.0, eave, "facade", BUILDING, key, variant=v, cast=True)
    _ground_floor(m, d, x, z0, z1, base, v, side)
    if d.chance(0.6):
        m.side(x - side * 0.06, z0, z1, base - 0.12, base + 0.12, "trim", BUILDING, key, variant=v)
    _windows(m, d, x, z0, z1, base, floors - 1, rise, v, side)
    if pitched:
        m.face(
            [
                (x - side * 0.35, eave - 0.1, z0),
                (x - side * 0.35, eave - 0.1, z1),
                (half, ridge, z1),
                (half, ridge, z0),
            ],
            "roof",
            BUILDING,
            key,
            UP,
            SIDE,
            v,
            cast=True,
        )
        if d.chance(0.5) and z0 < 60:  # dormers
            n = max(1, int((z1 - z0) / 4.5))
            for k in range(n):
                a, y, xx = z0 + (z1 - z0) * (k + 0.5) / n - 0.6, eave + 0.5, x + side * 0.6
                m.face(
                    [
                        (xx, y, a - 0.15),
                        (xx, y, a + 1.35),
                        (xx, y + 1.3, a + 1.35),
                        (xx, y + 1.8, a + 0.6),
                        (xx, y + 1.3, a - 0.15),
                    ],
                    "trim",
                    BUILDING,
                    key,
                    LEFT if x > 0 else RIGHT,
                    SIDE,
                    v,
                )
                m.side(xx, a + 0.1, a + 1.1, y + 0.15, y + 1.2, "glass", BUILDING, key, variant=v, axes=UNIT)
    _cornice(m, x, z0, z1, eave - 0.15, d.between(0.2, 0.5), v, side)
    m.contact(min(x, x - side * 0.5), max(x, x - side * 0.5), z0, z1)


def block_of_flats(m: Mesh, d: Dice, x: float, z0: float, z1: float, side: int, floors: int) -> None:
    """Add a modern block: bands of glass or a plain grid, a flat roof."""
    v, rise, key = d.u(), d.between(3.0, 3.5), z1
    floors += d.integer(1, 3)
    top = floors * rise + 0.9
    far = x + side * DEPTH
    a, b = sorted((x, far))
    m.front(a, b, 0.0, top, z0, "block", BUILDING, key, variant=v, shade=0.94, cast=True)
    m.side(x, z0, z1, 0.0, top, "block", BUILDING, key, variant=v, cast=True)
    _ground_floor(m, d, x, z0, z1, rise + 0.2, v, side)
    if d.chance(0.5):  # bands
        step = d.between(1.6, 2.6)
        for floor in range(1, floors):
            y, z = floor * rise + 0.95, z0 + 0.25
            m.side(x, z0 + 0.1, z1 - 0.1, y - 0.1, y + 1.6, "trim", BUILDING, key, variant=v)
            while z < z1 - 0.7:
                m.side(x, z, min(z + step - 0.12, z1 - 0.25), y, y + 1.5, "glass", BUILDING, key, variant=v, axes=UNIT)
                z += step
    else:
        _windows(m, d, x, z0, z1, rise + 0.3, floors - 1, rise, v, side)
    if z0 < 60:
        for floor in range(1, floors):
            for k in (0.2, 0.5, 0.8):
                xx, yy = x + side * DEPTH * k, floor * rise + 0.95
                m.front(
                    min(xx, xx + side * 1.4),
                    max(xx, xx + side * 1.4),
                    yy,
                    yy + 1.5,
                    z0,
                    "glass",
                    BUILDING,
                    key,
                    variant=v,
                    axes=UNIT,
                )
    m.side(x - side * 0.1, z0, z1, top - 0.35, top + 0.15, "trim", BUILDING, key, variant=v)
    m.contact(min(x, x - side * 0.5), max(x, x - side * 0.5), z0, z1)
