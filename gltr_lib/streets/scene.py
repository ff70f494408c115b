"""The layout: from dice to a street full of things.

A street is sampled from outside in: camera, bends, lanes, pavements; then on each side a row of blocks along z
(house, park, gap); then furniture at the kerb, traffic lane by lane, and people. The ``Mix`` says how likely each thing
is. The layout sees the seed and the mix, never the look: looks that share a mix share the labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from gltr_lib.streets import people, props, shapes, vehicles
from gltr_lib.streets.dice import LAYOUT, Dice
from gltr_lib.streets.houses import block_of_flats, house
from gltr_lib.streets.mesh import GROUND, NEAR, UP, Camera, Mesh
from gltr_lib.streets.mix import Mix

ROAD, WALK, BUILDING, PLANT, TERRAIN = 0, 1, 2, 8, 9
CUTS = (NEAR, 3.0, 5.0, 8.0, 12.0, 17.0, 24.0, 33.0, 45.0, 60.0, 80.0, 105.0, 140.0)
FAR = 1e6  # painter's keys of the ground: before everything that stands on it


def build(seed: int, mix: Mix) -> Mesh:
    """Sample a street.

    Args:
        seed: non-negative integer.
        mix: what the street holds.

    Returns:
        The mesh, with its camera.

    Example:
        >>> len(build(0, Mix()).faces) > 100
        True
    """
    d = Dice(seed, LAYOUT)
    camera = Camera(
        d.between(*mix.focal),
        d.between(*mix.height),
        d.between(*mix.yaw),
        d.between(*mix.pitch),
        d.between(*mix.roll),
        d.between(*mix.curve),
        d.between(*mix.slope),
    )
    m = Mesh(camera)
    street = _road(m, d, mix)
    _backdrop(m, d)
    for side in (-1, 1):
        _row_of_blocks(m, d, mix, side, street)
        _kerb_furniture(m, d, mix, side, street)
    _traffic(m, d, mix, street)
    _people(m, d, mix, street)
    return m


@dataclass
class Street:
    """Where things are across the street: kerbs, building lines, lanes (centre, away?, kind)."""

    kerb: dict[int, float]
    line: dict[int, float]
    lanes: list[tuple[float, bool, str]]
    crossing: float | None


def _strip(m: Mesh, x0: float, x1: float, y: float, slot: str, label: int, key: float) -> None:
    for z0, z1 in pairwise(CUTS):
        m.ground(x0, x1, z0, z1, y, slot, label, key)


def _road(m: Mesh, d: Dice, mix: Mix) -> Street:
    lane = d.between(3.1, 3.6)
    lanes: list[tuple[float, bool, str]] = [(0.0, True, "drive"), (-lane, False, "drive")]
    right, left = lane / 2, -1.5 * lane
    if d.chance(0.3):
        lanes.append((lane, True, "drive"))
        right += lane
    if d.chance(mix.tram):
        if d.chance(0.6):
            lanes.append((left - 1.6, d.chance(0.35), "tram"))
            left -= 3.2
        else:
            lanes.append((right + 1.6, d.chance(0.6), "tram"))
            right += 3.2
    for side in (-1, 1):
        if d.chance(mix.parking):
            lanes.append(((right + 1.1, True, "park")) if side > 0 else ((left - 1.1, False, "park")))
            right, left = (right + 2.3, left) if side > 0 else (right, left - 2.3)
    kerb = {-1: left, 1: right}
    line = {s: kerb[s] + s * d.between(*mix.walk) for s in (-1, 1)}
    _strip(m, -220.0, 220.0, 0.0, "ground", TERRAIN, FAR)
    _strip(m, left, right, 0.0, "road", ROAD, FAR - 3)
    for s in (-1, 1):
        a, b = sorted((kerb[s], line[s]))
        verge = d.chance(0.4) and b - a > 3.2
        _strip(m, a, b, 0.14, "walk", WALK, FAR - 1)
        if verge:  # a strip of grass at the kerb
            va, vb = sorted((kerb[s] + s * 0.35, kerb[s] + s * 1.35))
            _strip(m, va, vb, 0.14, "terrain", TERRAIN, FAR - 2)
        for z0, z1 in pairwise(CUTS):
            m.side(kerb[s], z0, z1, 0.0, 0.14, "kerb", WALK, FAR - 2.5)
            a, b = sorted((kerb[s], kerb[s] + s * 0.22))
            m.ground(a, b, z0, z1, 0.14, "kerb", WALK, FAR - 2.5)
    crossing = d.between(9.0, 30.0) if d.chance(mix.signals) else None
    _markings(m, lanes, left, right, lane, crossing, d)
    return Street(kerb, line, lanes, crossing)


def _markings(m: Mesh, lanes: list, left: float, right: float, lane: float, crossing: float | None, d: Dice) -> None:
    solid = d.chance(0.35)
    for x, _, kind in lanes:
        if kind == "tram":
            for r in (-0.72, 0.72):
                _strip(m, x + r - 0.06, x + r + 0.06, 0.0, "rail", ROAD, FAR - 4)
        if kind == "drive" and x + lane / 2 < right - 0.5:
            dashed = abs(x + lane / 2 + lane) > 0.1 or not solid
            z = 1.0
            if dashed:
                while z < 85:
                    m.ground(x + lane / 2 - 0.08, x + lane / 2 + 0.08, z, z + 2.6, 0.0, "mark", ROAD, FAR - 4)
                    z += 6.0
            else:
                _strip(m, x + lane / 2 - 0.08, x + lane / 2 + 0.08, 0.0, "mark", ROAD, FAR - 4)
        if kind == "park":
            a = x - 1.1 if x > 0 else x + 1.1
            _strip(m, a - 0.06, a + 0.06, 0.0, "mark", ROAD, FAR - 4)
    for _ in range(d.integer(1, 3)):  # manhole covers
        x, z = d.between(left + 1.5, right - 1.5), d.between(4.5, 22.0)
        m.face(
            [(x + 0.34 * c, 0.0, z + 0.34 * s) for c, s in shapes.CIRCLE],
            "rail",
            ROAD,
            FAR - 4.5,
            UP,
            GROUND,
            shade=1.1,
        )
    if crossing is not None:
        x = left + 0.4
        while x < right - 0.5:
            m.ground(x, x + 0.5, crossing, crossing + 3.0, 0.0, "mark", ROAD, FAR - 5)
            x += 1.0
        m.ground(-lane / 2 + 0.15, lane / 2 - 0.15, crossing - 1.6, crossing - 1.2, 0.0, "mark", ROAD, FAR - 5)


def _backdrop(m: Mesh, d: Dice) -> None:
    """Far hills or roofs and a line of trees close the view."""
    key, z, v = FAR / 2, 139.0, d.u()
    x, ridge = -230.0, []
    h = d.between(6.0, 16.0)
    while x <= 230.0:
        h = min(24.0, max(5.0, h + d.between(-4.0, 4.0)))
        ridge.append((x, h, z))
        x += d.between(9.0, 18.0)
    m.face([(-230.0, -0.4, z), *ridge, (232.0, -0.4, z)], "hill", PLANT, key + 1, variant=v)
    if d.chance(0.6):
        x = -150.0
        while x < 150.0:
            w, h = d.between(9.0, 24.0), d.between(7.0, 26.0)
            m.front(x, x + w, -0.2, h, z - 2, "facade", BUILDING, key, variant=d.u(), shade=0.92)
            x += w + (d.between(2.0, 40.0) if d.chance(0.5) else 0.0)
    x = -150.0
    while x < 150.0:
        r = d.between(3.0, 6.0)
        if d.chance(0.6):
            props.crown(m, d, x, r * 0.55, z - 5, r * 1.3, r, d.u(), d.between(0.8, 1.0), "hill", 0.12)
        x += r * 1.9


def _row_of_blocks(m: Mesh, d: Dice, mix: Mix, side: int, street: Street) -> None:
    line, z = street.line[side], d.between(-14.0, 0.0)
    while z < 118.0:
        kind = d.weighted(mix.blocks)
        depth = d.between(9.0, 18.0) if kind != "gap" else d.between(6.0, 9.0)
        z0, z1 = max(z, NEAR), z + depth
        z = z1
        if z1 < NEAR + 2.0:
            continue
        if kind == "house":
            front = line + side * (d.between(2.5, 5.0) if d.chance(0.28) else 0.0)
            if front != line:
                a, b = sorted((line, front))
                m.ground(a, b, z0, z1, 0.1, "terrain", TERRAIN, FAR - 2)
                _boundary(m, d, line, z0, z1, side, low=True)
            (house if d.chance(0.7) else block_of_flats)(m, d, front, z0, z1, side, d.integer(*mix.floors))
        elif kind == "park":
            _park(m, d, mix, line, z0, z1, side)
        else:
            a, b = sorted((street.kerb[side], side * 90.0))
            m.ground(a, b, z0 + 1, z1 - 1, 0.0, "road", ROAD, FAR - 2.8)


def _boundary(m: Mesh, d: Dice, x: float, z0: float, z1: float, side: int, low: bool = False) -> None:
    kind = d.weighted({"bars": 0.3, "boards": 0.2, "wall": 0.32, "hedge": 0.18})
    h = d.between(0.9, 1.2) if low else d.between(1.2, 2.2)
    if kind == "wall":
        props.wall_run(m, d, x, z0, z1, 0.1, h)
    elif kind == "hedge":
        props.hedge_run(m, d, x, z0, z1, 0.1, h)
    else:
        props.fence_run(m, d, x, z0, z1, 0.1, h, kind, False)


def _park(m: Mesh, d: Dice, mix: Mix, line: float, z0: float, z1: float, side: int) -> None:
    a, b = sorted((line, line + side * 60.0))
    m.ground(a, b, z0, z1, 0.1, "terrain", TERRAIN, FAR - 2)
    if d.chance(0.75):
        _boundary(m, d, line + side * 0.1, z0, z1, side)
    for _ in range(d.integer(2, 4)):
        x = line + side * d.between(1.5, 16.0)
        z = d.between(z0 + 0.5, z1)
        if z > 5.0:
            props.tree(m, d, x, z, 0.1, d.weighted(mix.trees))
    for _ in range(d.integer(0, 3)):
        props.bush(m, d, line + side * d.between(1.0, 8.0), max(4.0, d.between(z0, z1)), 0.1)


def _kerb_furniture(m: Mesh, d: Dice, mix: Mix, side: int, street: Street) -> None:
    x = street.kerb[side] + side * 0.75
    if d.chance(mix.alley):
        kind, z, gap = d.weighted(mix.trees), d.between(6.0, 14.0), d.between(8.0, 13.0)
        while z < 95.0:
            props.tree(m, d, x + d.between(-0.1, 0.2), z, 0.14, kind, 0.8)
            z += gap
    z = d.between(9.0, 24.0)
    while z < 90.0:
        props.lamp(m, d, x - side * 0.25, z, 0.14, -side * d.between(1.2, 2.2))
        z += d.between(18.0, 26.0)
    z = d.between(5.5, 13.0)
    for _ in range(d.integer(1, 3)):
        props.sign(m, d, x - side * 0.2, z, 0.14)
        z += d.between(5.0, 16.0)
    if street.crossing is not None:
        props.traffic_light(
            m, d, x - side * 0.35, street.crossing - 0.6, 0.14, -side * d.between(2.0, 3.4) if d.chance(0.5) else 0.0
        )
        if d.chance(0.6):
            props.traffic_light(m, d, x - side * 0.35, street.crossing + 10.0, 0.14)
    elif d.chance(0.4):
        props.traffic_light(m, d, x - side * 0.3, d.between(14.0, 26.0), 0.14)
    parked = any(kind == "park" and lane * side > 0 for lane, _, kind in street.lanes)
    if d.chance(0.35) and not parked:  # a railing at the kerb, nearer than the people behind it
        z = d.between(4.0, 22.0)
        for _ in range(d.integer(4, 9)):
            props.fence_run(m, d, street.kerb[side] + side * 0.3, z, z + 1.7, 0.14, 0.95, "bars", True)
            z += 1.7
    z = d.between(5.0, 12.0)
    for _ in range(d.integer(1, 3) if d.chance(mix.parked_cycles * 0.5) else 0):
        angle = d.pick([(0.95, 0.31), (0.8, 0.6), (1.0, 0.0), (-0.9, 0.43)])
        p = shapes.Plane(x + side * 0.3, z, *angle)
        (people.bicycle if d.chance(0.6) else people.motorcycle)(m, d, p, 0.14)
        z += d.between(1.6, 3.5)


def _traffic(m: Mesh, d: Dice, mix: Mix, street: Street) -> None:
    big = {"truck": d.chance(mix.truck), "bus": d.chance(mix.bus)}
    for x, away, kind in street.lanes:
        if kind == "tram":
            if d.chance(0.92):
                vehicles.tram(m, d, x, d.between(7.0, 30.0), away)
            continue
        z = d.between(3.0, 8.0) if kind == "park" else d.between(8.0, 18.0)
        if x == 0.0:
            z += 2.0
        while z < 80.0:
            if kind == "park":
                if d.chance(0.72):
                    z += vehicles.car(m, d, x + d.between(-0.1, 0.1), z, away)
                z += d.between(0.8, 2.2) if d.chance(0.8) else 6.0
                continue
            name = next((n for n in ("truck", "bus") if big[n] and d.chance(0.4)), "car")
            if name != "car":
                big[name] = False
                z += (vehicles.truck if name == "truck" else vehicles.bus)(m, d, x, z, away)
            elif d.chance(mix.traffic):
                z += vehicles.car(m, d, x + d.between(-0.3, 0.3), z, away)
            z += d.between(5.0, 22.0)
    edges = [street.kerb[1] - 0.8, street.kerb[-1] + 0.8, -1.5, 1.45, -2.1]
    z = d.between(4.5, 9.0)
    for _ in range(d.integer(1, 3) if d.chance(mix.riders) else 0):
        x = d.pick(edges)
        if any(k == "park" and abs(x - c) < 1.5 for c, _, k in street.lanes):
            x = 1.3 if x > 0 else -1.9
        angle = d.pick([(0.5, 0.87), (0.64, 0.77), (0.87, 0.5), (0.34, 0.94), (0.98, 0.2)])
        p = shapes.Plane(x, z, angle[0] * (1 if d.chance(0.5) else -1), angle[1])
        (people.bicycle if d.chance(0.6) else people.motorcycle)(m, d, p, 0.0, True)
        z += d.between(3.0, 7.0)


def _people(m: Mesh, d: Dice, mix: Mix, street: Street) -> None:
    for _ in range(d.integer(*mix.people)):
        side = d.pick([-1, 1])
        a, b = street.kerb[side] + side * 0.9, street.line[side] - side * 0.5
        people.person(
            m, d, d.between(a, b), 4.5 + 34.0 * d.u() * d.u(), 0.14, d.between(1.05, 1.4) if d.chance(0.12) else None
        )
    if street.crossing is not None and d.chance(0.5):
        for _ in range(d.integer(1, 4)):
            x = d.between(street.kerb[-1] + 0.5, street.kerb[1] - 0.5)
            people.person(m, d, x, street.crossing + d.between(0.3, 2.7), 0.0)
