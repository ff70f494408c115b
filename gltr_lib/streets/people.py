"""People and cycles: cut-outs whose outline tells what they are.

A person has legs in mid-stride, a trunk, arms and a head, and faces the camera. Cycles lie in an upright plane at any
angle to the street; one may look through their wheels, and what is seen there is labelled bicycle, as in Cityscapes.
"""

from __future__ import annotations

from gltr_lib.streets.dice import Dice
from gltr_lib.streets.mesh import BICYCLE_FLAG, Mesh
from gltr_lib.streets.shapes import CIRCLE, Plane, bar, disc, ring, wheel

PERSON, RIDER, MOTORCYCLE, BICYCLE = 11, 12, 17, 18


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
    part(
        [(-stride - t, y), (-stride + 1.8 * t, y), (-stride + t, y + 0.05 * h), (-stride - t, y + 0.05 * h)], "tyre", 0
    )
    part([(stride - t, y), (stride + 1.8 * t, y), (stride + t, y + 0.05 * h), (stride - t, y + 0.05 * h)], "tyre", 0)
    coat = hip - d.pick([0.02, 0.05, 0.16]) * h
    part(
        [(-w - swing, hip), (-w - swing + 0.06 * h, hip), (-w * 0.6 + lean, neck), (-w + lean, neck - 0.02 * h)],
        "top",
        v1,
        0.8,
    )
    part(
        [
            (-w * 0.85, coat),
            (w * 0.85, coat),
            (w + lean, neck - 0.03 * h),
            (w * 0.5 + lean, neck),
            (-w * 0.5 + lean, neck),
            (-w + lean, neck - 0.03 * h),
        ],
        "top",
        v1,
    )
    part(
        [
            (w + swing * 0.6, hip),
            (w + swing * 0.6 - 0.06 * h, hip),
            (w * 0.55 + lean, neck - 0.02 * h),
            (w + lean, neck - 0.03 * h),
        ],
        "top",
        v1,
        0.88,
    )
    if d.chance(0.3):  # a bag
        part(
            [(w * 0.7, hip - 0.1 * h), (w * 1.5, hip - 0.1 * h), (w * 1.4, hip + 0.06 * h), (w * 0.8, hip + 0.06 * h)],
            "legs",
            v3,
        )
    hx, hy, r = x + lean * 1.6, y + 0.915 * h, 0.068 * h
    m.face(disc(hx, hy, z, r * 0.85, r * 1.15, 2), "skin", PERSON, z, variant=v3, cast=True)
    hair = [(hx + r * 0.95 * c, hy + 0.02 * h + r * 1.15 * s, z) for c, s in CIRCLE[:9]]
    m.face(hair, "hair", PERSON, z, variant=v2)
    m.contact(x - 1.6 * w, x + 1.6 * w, z - 0.25, z + 0.25)


def bicycle(m: Mesh, d: Dice, p: Plane, y: float = 0.0, ridden: bool = False) -> None:
    """Add a bicycle, with its rider if ridden."""
    v, v2, z = d.u(), d.u(), p.z
    back, front, crank, seat, head = (-0.52, 0.34), (0.55, 0.34), (-0.05, 0.32), (-0.2, 0.88), (0.4, 0.86)
    key = z + 0.01
    for c in (back, front):
        m.face(p.at(wheel(c, 0.34), y), "tyre", BICYCLE, key, flag=BICYCLE_FLAG)  # spokes are see-through
        m.face(p.at(ring(c, 0.36, 0.065), y), "tyre", BICYCLE, key, cast=True)
    for a, b in ((back, crank), (back, seat), (crank, seat), (crank, head), (seat, head), (head, front)):
        m.face(p.at(bar(a, b, 0.035), y), "bike", BICYCLE, key, variant=v, cast=True)
    m.face(p.at(bar(head, (0.42, 1.02), 0.03), y), "bike", BICYCLE, key, variant=v)
    m.face(p.at(bar((0.28, 1.04), (0.5, 1.0), 0.035), y), "tyre", BICYCLE, key)
    m.face(p.at(bar((-0.36, 0.93), (-0.06, 0.93), 0.045), y), "tyre", BICYCLE, key)
    m.contact(p.x - abs(p.cx) - 0.15, p.x + abs(p.cx) + 0.15, z - abs(p.cz) * 0.8 - 0.12, z + abs(p.cz) * 0.8 + 0.12)
    if ridden:
        rider(m, p, y, (-0.2, 0.98), (0.36, 1.06), crank, v, v2)


def rider(
    m: Mesh,
    p: Plane,
    y: float,
    seat: tuple[float, float],
    grip: tuple[float, float],
    foot: tuple[float, float],
    v: float,
    v2: float,
) -> None:
    """Add a rider: bent legs, a leaning trunk, stretched arms and a helmet."""
    sx, sy = seat
    shoulder = (sx + 0.27, sy + 0.52)
    knee = (sx + 0.38, (sy + foot[1]) / 2 + 0.12)
    low = (foot[0] + 0.02, foot[1] - 0.2)
    key = p.z

    def part(points: list[tuple[float, float]], slot: str, variant: float, shade: float = 1.0) -> None:
        m.face(p.at(points, y), slot, RIDER, key, variant=variant, shade=shade, cast=True)

    part(bar((sx, sy - 0.02), (knee[0] - 0.16, knee[1] - 0.2), 0.085), "rlegs", v2, 0.75)
    part(bar((knee[0] - 0.16, knee[1] - 0.2), (low[0] - 0.14, low[1] + 0.02), 0.065), "rlegs", v2, 0.75)
    part(bar((sx, sy), knee, 0.095), "rlegs", v2)
    part(bar(knee, low, 0.07), "rlegs", v2)
    part(bar((low[0] - 0.06, low[1]), (low[0] + 0.18, low[1]), 0.045), "tyre", 0)
    part(
        [
            (sx - 0.17, sy - 0.06),
            (sx + 0.15, sy - 0.06),
            (shoulder[0] + 0.12, shoulder[1] - 0.05),
            (shoulder[0] + 0.04, shoulder[1] + 0.07),
            (shoulder[0] - 0.14, shoulder[1] + 0.03),
        ],
        "rtop",
        v,
    )
    part(bar((shoulder[0] + 0.02, shoulder[1] - 0.04), (grip[0], grip[1]), 0.06), "rtop", v, 0.85)
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
        part(wheel(c, r), "tyre")
        part(wheel(c, r * 0.5), "hub")
    part(bar(front, (0.42, 0.98), 0.05), "hub")
    if scooter:
        part(
            [
                (-0.85, 0.42),
                (-0.3, 0.36),
                (-0.25, 0.3),
                (0.3, 0.3),
                (0.42, 0.98),
                (0.52, 0.95),
                (0.42, 0.18),
                (-0.35, 0.18),
                (-0.8, 0.28),
            ],
            "moto",
        )
        part([(-0.88, 0.48), (-0.25, 0.4), (-0.15, 0.72), (-0.85, 0.74)], "moto", 1.08)
    else:
        part([(-0.4, 0.2), (0.35, 0.2), (0.42, 0.5), (-0.35, 0.55)], "under")
        part([(-0.9, 0.66), (-0.3, 0.5), (0.35, 0.5), (0.5, 0.92), (0.15, 0.98), (-0.1, 0.76)], "moto")
        part(bar((-0.3, 0.3), (-0.95, 0.36), 0.06), "hub")
    part(bar((-0.85, 0.8), (-0.05, 0.78), 0.06), "tyre")
    part(bar((0.3, 1.06), (0.5, 1.0), 0.045), "tyre")
    part([(0.5, 0.8), (0.66, 0.84), (0.62, 1.0), (0.46, 1.0)], "moto", 0.9)
    part([(0.6, 0.82), (0.68, 0.84), (0.67, 0.95), (0.59, 0.95)], "head")
    part([(-0.98, 0.66), (-0.88, 0.66), (-0.88, 0.76), (-0.98, 0.76)], "tail")
    m.contact(p.x - abs(p.cx) - 0.2, p.x + abs(p.cx) + 0.2, p.z - abs(p.cz) * 0.9 - 0.2, p.z + abs(p.cz) * 0.9 + 0.2)
    if ridden:
        rider(m, p, y, (-0.3, 0.88), (0.36, 1.04), (0.05, 0.4), v2, v)
