"""The test looks: ``sampled:<n>``, a wide family of photographic appearances, one for every n.

Nothing here imitates a painting or a style transfer: surfaces are made of what streets are made of (asphalt, setts,
slabs, brick, render, concrete, boards, grass, soil, leaves of four seasons, lacquer), lit by a sky that exists (clear,
low sun, overcast, haze, rain, dusk), and seen by a camera that one could buy. n draws all of it; the seed draws the
street. The family is frozen: it was written before any network was trained with randomization, and must not be changed
to suit one (a test holds a fingerprint of it).
"""

# ruff: noqa: E501 (palettes read better as rows)

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from gltr_lib.streets.dice import FAMILY, Dice
from gltr_lib.streets.looks import RGB, Lens, Light, Look, Pair
from gltr_lib.streets.mix import Mix


def _hsv(h: float, s: float, v: float) -> RGB:
    """Convert hue (turns), saturation, value to RGB."""
    i = int(h * 6) % 6
    f = h * 6 - int(h * 6)
    p, q, t = v * (1 - s), v * (1 - f * s), v * (1 - (1 - f) * s)
    return ((v, t, p), (q, v, p), (p, v, t), (p, q, v), (t, p, v), (v, p, q))[i]


# Hue centre, hue spread, saturation range, value range: colours that a material has in the world.
Tone = tuple[float, float, float, float, float, float]
PAINT: list[Tone] = [
    (0.58, 0.04, 0.4, 0.8, 0.25, 0.7), (0.0, 0.02, 0.6, 0.85, 0.4, 0.75), (0.3, 0.1, 0.2, 0.55, 0.25, 0.55), (0.1, 0.04, 0.15, 0.45, 0.5, 0.8),
    (0.6, 0.3, 0.0, 0.06, 0.82, 0.97), (0.6, 0.3, 0.0, 0.08, 0.4, 0.7), (0.6, 0.3, 0.0, 0.1, 0.07, 0.2), (0.13, 0.02, 0.5, 0.85, 0.7, 0.92), (0.05, 0.02, 0.6, 0.85, 0.6, 0.85),
]  # fmt: skip
MASONRY: list[Tone] = [
    (0.03, 0.02, 0.3, 0.55, 0.35, 0.65), (0.1, 0.02, 0.12, 0.35, 0.65, 0.93), (0.08, 0.04, 0.05, 0.18, 0.4, 0.75), (0.12, 0.015, 0.3, 0.5, 0.7, 0.9),
    (0.02, 0.02, 0.18, 0.35, 0.65, 0.85), (0.55, 0.08, 0.03, 0.15, 0.5, 0.85), (0.3, 0.08, 0.05, 0.18, 0.6, 0.8), (0.1, 0.05, 0.0, 0.06, 0.8, 0.97),
]  # fmt: skip
STONE: list[Tone] = [
    (0.1, 0.05, 0.0, 0.12, 0.25, 0.62),
    (0.6, 0.08, 0.0, 0.1, 0.22, 0.5),
    (0.08, 0.03, 0.08, 0.25, 0.45, 0.75),
]
TARMAC: list[Tone] = [
    (0.6, 0.1, 0.0, 0.08, 0.15, 0.5),
    (0.1, 0.04, 0.02, 0.14, 0.3, 0.62),
    (0.02, 0.02, 0.08, 0.2, 0.3, 0.5),
]
CLOTH: list[Tone] = [
    *PAINT,
    (0.6, 0.05, 0.2, 0.5, 0.15, 0.4),
    (0.6, 0.3, 0.0, 0.15, 0.1, 0.3),
    (0.9, 0.05, 0.2, 0.6, 0.3, 0.8),
    (0.08, 0.03, 0.2, 0.45, 0.3, 0.7),
]
LEAVES: dict[str, list[Tone]] = {
    "summer": [(0.27, 0.05, 0.35, 0.65, 0.25, 0.5), (0.23, 0.03, 0.35, 0.6, 0.3, 0.55), (0.33, 0.04, 0.25, 0.5, 0.2, 0.42)],
    "spring": [(0.22, 0.03, 0.45, 0.7, 0.45, 0.72), (0.26, 0.04, 0.35, 0.6, 0.4, 0.62), (0.95, 0.02, 0.15, 0.35, 0.75, 0.92)],
    "autumn": [(0.1, 0.025, 0.6, 0.85, 0.5, 0.8), (0.06, 0.02, 0.55, 0.8, 0.4, 0.65), (0.18, 0.03, 0.4, 0.65, 0.35, 0.6)],
    "dry": [(0.17, 0.02, 0.25, 0.45, 0.35, 0.55), (0.2, 0.03, 0.2, 0.4, 0.3, 0.5)],
}  # fmt: skip
TEXTURES: dict[str, list[tuple[str, float]]] = {
    "road": [("asphalt", 4), ("asphalt_worn", 5), ("asphalt_patched", 6), ("concrete", 6), ("cobbles", 2.6), ("photo_gravel", 5), ("slabs", 12)],
    "walk": [("slabs", 3), ("tiles", 4), ("paving", 2.4), ("cobbles", 1.6), ("concrete", 5), ("asphalt", 3), ("photo_gravel", 3), ("brick", 2)],
    "terrain": [("photo_grass", 3), ("meadow", 4), ("grass", 3), ("soil", 4), ("photo_gravel", 3)],
    "facade": [("photo_brick", 2.6), ("brick", 2.6), ("plaster", 6), ("plaster_stained", 7), ("stone", 4), ("siding", 2.4), ("planks", 3), ("concrete", 6)],
    "block": [("panels", 6), ("plaster", 6), ("concrete", 8), ("plaster_stained", 9), ("tiles", 6), ("siding", 4)],
    "wall": [("stone", 3), ("concrete", 4), ("photo_brick", 2.4), ("plaster_stained", 4), ("cobbles", 3), ("photo_gravel", 2.4)],
    "roof": [("shingles", 4), ("corrugated", 3), ("plain", 1), ("planks", 3), ("tiles", 4)],
    "fence": [("planks", 1.6), ("plain", 1), ("metal", 2), ("bark", 2)],
    "leaf": [("leaf", 3), ("leaf_clumps", 3.4), ("leaf_fine", 3), ("needles", 3), ("meadow", 3)],
    "cargo": [("plain", 1), ("corrugated", 1.6), ("metal", 4), ("stripes", 4), ("panels", 5)],
    "cloth": [("plain", 1), ("cloth", 0.7), ("checks", 0.7), ("stripes", 0.6)],
    "glass": [("window", 1), ("window_cross", 1), ("window_plain", 1)],
    "sky": [("cloud", 2600), ("cloud", 4200), ("cloud_thin", 4200), ("cloud_thin", 2800)],
}  # fmt: skip


def _colour(d: Dice, tone: Tone) -> RGB:
    h, spread, s0, s1, v0, v1 = tone
    return _hsv((h + spread * (2 * d.u() - 1)) % 1.0, d.between(s0, s1), d.between(v0, v1))


def _scaled(c: RGB, k: float) -> RGB:
    return tuple(min(1.0, x * k) for x in c)  # type: ignore[return-value]


def _palette(d: Dice, tones: list[Tone], n: int, low: float, high: float) -> tuple[Pair, ...]:
    """Draw n pairs; a pair's second colour is its first, darker or lighter by a share drawn from low..high."""
    out = []
    for _ in range(n):
        c, k = _colour(d, d.pick(tones)), 1 + d.between(low, high)
        out.append((_scaled(c, 2 / (1 + k)), _scaled(c, 2 * k / (1 + k))))
    return tuple(out)


def _light(d: Dice) -> tuple[str, Light, Lens]:
    kind = d.weighted({"clear": 0.24, "low sun": 0.16, "overcast": 0.22, "haze": 0.14, "rain": 0.12, "dusk": 0.12})
    side = 1 if d.chance(0.5) else -1
    wall = d.between(0.35, 0.9) * side
    front = d.between(-0.8, 0.35)
    warm = d.between(-0.05, 0.08)
    balance = (1 + warm + d.between(-0.02, 0.02), 1.0, 1 - warm + d.between(-0.02, 0.02))
    lens = Lens(
        balance=balance, gamma=d.between(0.82, 1.22), contrast=d.between(-0.1, 0.26),
        saturation=d.between(0.65, 1.2), vignette=d.between(0.0, 0.4), blur=d.between(0.0, 0.55), noise=d.between(0.001, 0.012),
        glare=d.between(0.0, 0.06),
    )  # fmt: skip
    target = d.between(0.28, 0.38) if kind == "dusk" else d.between(0.39, 0.55)
    lens = replace(lens, meter=target)
    blue = _hsv(d.between(0.56, 0.61), d.between(0.45, 0.8), d.between(0.6, 0.9))
    pale = _hsv(d.between(0.54, 0.6), d.between(0.05, 0.25), d.between(0.85, 0.98))
    grey = d.between(0.55, 0.85)
    cloudy = (grey * 0.98, grey, grey * 1.03)
    if kind == "clear":
        k = d.between(0.45, 0.7)
        light = Light(
            (wall, d.between(0.6, 1.0), front),
            (k, k * 0.95, k * 0.84),
            (0.5, 0.54, 0.62),
            d.between(0.4, 0.6),
            0.4,
            blue,
            pale,
            (1, 1, 1),
            d.between(0.0, 0.55),
            d.between(0.2, 0.6),
            pale,
            d.between(0.001, 0.006),
        )
    elif kind == "low sun":
        k = d.between(0.55, 0.8)
        glow = _hsv(d.between(0.06, 0.12), d.between(0.25, 0.5), d.between(0.88, 1.0))
        light = Light(
            (wall, d.between(0.25, 0.45), front),
            (k, k * d.between(0.7, 0.85), k * d.between(0.4, 0.62)),
            (0.46, 0.46, 0.56),
            d.between(0.4, 0.6),
            0.4,
            blue,
            glow,
            _scaled(glow, 1.06),
            d.between(0.1, 0.6),
            d.between(0.3, 0.8),
            glow,
            d.between(0.002, 0.009),
        )
    elif kind == "overcast":
        light = Light(
            sun_colour=(0.06, 0.06, 0.06),
            ambient=(0.85, 0.88, 0.92),
            contact=0.5,
            zenith=_scaled(cloudy, 0.8),
            horizon=cloudy,
            cloud=_scaled(cloudy, 1.12),
            cover=d.between(0.5, 0.9),
            soft=d.between(0.5, 1.0),
            haze=cloudy,
            density=d.between(0.003, 0.012),
        )
    elif kind == "haze":
        veil = _hsv(
            d.between(0.08, 0.13) if d.chance(0.4) else d.between(0.54, 0.62),
            d.between(0.02, 0.12),
            d.between(0.7, 0.9),
        )
        light = Light(
            sun_colour=(0.12, 0.12, 0.11),
            ambient=(0.8, 0.82, 0.85),
            contact=0.45,
            zenith=_scaled(veil, 0.95),
            horizon=veil,
            cloud=_scaled(veil, 1.05),
            cover=0.3,
            soft=1.0,
            haze=veil,
            density=d.between(0.014, 0.032),
        )
    elif kind == "rain":
        dark = _scaled(cloudy, 0.75)
        light = Light(
            sun_colour=(0.03, 0.03, 0.03),
            ambient=(0.72, 0.75, 0.8),
            contact=0.55,
            zenith=_scaled(dark, 0.75),
            horizon=dark,
            cloud=_scaled(dark, 1.1),
            cover=0.7,
            soft=0.8,
            haze=dark,
            density=d.between(0.008, 0.02),
        )
    else:
        blue_hour = _hsv(d.between(0.57, 0.65), d.between(0.25, 0.5), d.between(0.35, 0.55))
        rim = _hsv(d.between(0.02, 0.1), d.between(0.2, 0.5), d.between(0.6, 0.85))
        light = Light(
            sun_colour=(0.08, 0.06, 0.06),
            ambient=(0.48, 0.5, 0.6),
            contact=0.45,
            zenith=blue_hour,
            horizon=rim,
            cloud=_scaled(rim, 0.8),
            cover=d.between(0.2, 0.6),
            soft=0.6,
            haze=_scaled(blue_hour, 1.15),
            density=d.between(0.004, 0.012),
        )
    return kind, light, lens


def _mix(d: Dice) -> Mix:
    """Another camera, and another share of each thing; every class stays possible."""
    focal, height, pitch = d.between(0.95, 1.6), d.between(1.15, 2.3), d.between(-0.17, 0.03)
    green, low = d.between(0.12, 0.45), d.integer(1, 3)
    trees = {"round": d.between(0.2, 1.0), "tall": d.between(0.05, 0.6), "fir": d.between(0.05, 0.6)}
    walk = d.between(2.4, 4.2)
    return Mix(
        focal=(focal * 0.95, focal * 1.05), height=(height * 0.97, height * 1.03), pitch=(pitch - 0.03, pitch + 0.03), yaw=(-0.18, 0.18),
        roll=(-0.025, 0.025), curve=(-0.0032, 0.0032), slope=(-0.0007, 0.0008), blocks={"house": 0.9 - green, "park": green, "gap": 0.1},
        floors=(low, low + d.integer(1, 3)), walk=(walk, walk + 1.6), tram=d.between(0.2, 0.5), truck=d.between(0.2, 0.5), bus=d.between(0.2, 0.5),
        riders=d.between(0.5, 0.95), parked_cycles=d.between(0.5, 1.0), parking=d.between(0.35, 0.9), traffic=d.between(0.5, 0.95), people=(d.integer(2, 5), d.integer(8, 16)),
        alley=d.between(0.2, 0.8), signals=d.between(0.5, 0.85), trees=trees,
    )  # fmt: skip


@lru_cache(maxsize=64)
def sampled_look(n: int) -> Look:
    """Return the n-th test look.

    Args:
        n: non-negative integer.

    Returns:
        The frozen description.

    Example:
        >>> sampled_look(3) is sampled_look(3)
        True
    """
    d = Dice(n, FAMILY)
    kind, light, lens = _light(d)
    leaves = LEAVES[d.weighted({"summer": 0.45, "spring": 0.2, "autumn": 0.2, "dry": 0.15})]
    grass = [*LEAVES["summer"], *LEAVES["dry"], (0.09, 0.02, 0.25, 0.45, 0.35, 0.6)]
    wet = 0.72 if kind == "rain" else 1.0
    lacquer, frame = [*PAINT, *PAINT[4:7]], d.pick([0.25, 0.85, 0.92])
    palettes: dict[str, tuple[Pair, ...]] = {
        "road": tuple((_scaled(a, wet), _scaled(b, wet)) for a, b in _palette(d, TARMAC, 1, 0.2, 0.6)),
        "mark": _palette(d, [(0.12, 0.04, 0.0, 0.2, 0.75, 0.97), (0.13, 0.02, 0.5, 0.75, 0.8, 0.95)], 1, 0.0, 0.1),
        "kerb": _palette(d, STONE, 1, 0.1, 0.3), "walk": _palette(d, [*STONE, *MASONRY[:3]], 1, 0.2, 0.7), "terrain": _palette(d, grass, 1, 0.4, 1.0),
        "ground": _palette(d, grass, 1, 0.3, 0.8), "rail": _palette(d, STONE, 1, 0.1, 0.3), "facade": _palette(d, MASONRY, 5, 0.15, 0.6),
        "block": _palette(d, [*MASONRY, *STONE], 3, 0.1, 0.4), "trim": _palette(d, [*MASONRY[5:], *STONE], 2, 0.05, 0.2),
        "glass": tuple(((frame, frame, frame * 0.97), _scaled(light.horizon, d.between(0.35, 0.75))) for _ in range(2)),
        "door": _palette(d, PAINT, 4, 0.1, 0.4), "roof": _palette(d, [MASONRY[0], *STONE, (0.03, 0.02, 0.4, 0.65, 0.4, 0.65)], 2, 0.3, 0.8), "shop": _palette(d, PAINT, 5, 0.05, 0.3),
        "awning": _palette(d, PAINT, 4, 0.0, 1.2), "wall": _palette(d, [*STONE, *MASONRY], 2, 0.2, 0.7), "coping": _palette(d, STONE, 2, 0.1, 0.3),
        "fence": _palette(d, [*PAINT[2:7], (0.07, 0.02, 0.3, 0.55, 0.3, 0.6), *STONE], 3, 0.1, 0.5), "pole": _palette(d, [*STONE, PAINT[2], PAINT[6]], 1, 0.1, 0.3),
        "lamp": (((1, 0.95, 0.8),) * 2,), "box": _palette(d, [PAINT[6], PAINT[6], PAINT[2], PAINT[7]], 1, 0.1, 0.3),
        "red": (((1, 0.2, 0.15),) * 2,), "amber": (((1, 0.72, 0.2),) * 2,), "green": (((0.2, 0.95, 0.6),) * 2,),
        "signrim": _palette(d, [PAINT[1], PAINT[1], (0.6, 0.02, 0.7, 0.9, 0.5, 0.75), PAINT[4]], 4, 0.0, 0.05),
        "signface": _palette(d, [PAINT[4], PAINT[4], (0.6, 0.02, 0.7, 0.9, 0.5, 0.75), PAINT[7]], 4, 0.0, 0.05),
        "signmark": _palette(d, [PAINT[6], PAINT[6], PAINT[4]], 4, 0.0, 0.05),
        "leaf": _palette(d, leaves, 3, 0.8, 1.8), "hedge": _palette(d, LEAVES["summer"], 2, 0.6, 1.4), "hill": _palette(d, leaves, 1, 0.2, 0.5),
        "bark": _palette(d, [(0.07, 0.03, 0.1, 0.4, 0.2, 0.5)], 2, 0.3, 0.8), "skin": _palette(d, [(0.06, 0.015, 0.3, 0.55, 0.4, 0.92)], 4, 0.0, 0.1),
        "hair": _palette(d, [(0.07, 0.03, 0.1, 0.5, 0.08, 0.6)], 4, 0.1, 0.3), "top": _palette(d, CLOTH, 7, 0.1, 0.5), "legs": _palette(d, CLOTH[5:], 5, 0.1, 0.4),
        "rtop": _palette(d, CLOTH, 5, 0.1, 0.5), "rlegs": _palette(d, CLOTH[5:], 4, 0.1, 0.4), "helmet": _palette(d, PAINT, 4, 0.0, 0.1), "car": _palette(d, lacquer, 7, 0.15, 0.5),
        "cglass": tuple((_scaled(light.zenith, d.between(0.12, 0.3)), _scaled(light.horizon, d.between(0.5, 0.85))) for _ in range(2)),
        "tyre": _palette(d, [(0.6, 0.3, 0.0, 0.1, 0.08, 0.2)], 1, 0.1, 0.3), "hub": _palette(d, [(0.6, 0.3, 0.0, 0.05, 0.3, 0.8)], 2, 0.1, 0.3), "head": (((1, 0.97, 0.88),) * 2,),
        "tail": (((0.8, 0.1, 0.12),) * 2,), "plate": _palette(d, [PAINT[4], PAINT[7]], 1, 0.0, 0.1), "under": _palette(d, [(0.6, 0.3, 0.0, 0.1, 0.08, 0.22)], 1, 0.1, 0.3),
        "truck": _palette(d, lacquer, 4, 0.1, 0.3), "cargo": _palette(d, lacquer, 4, 0.1, 0.4), "bus": _palette(d, lacquer, 4, 0.1, 0.3), "train": _palette(d, lacquer, 3, 0.1, 0.3),
        "stripe": _palette(d, PAINT, 3, 0.0, 0.1), "bike": _palette(d, PAINT, 5, 0.1, 0.3), "moto": _palette(d, lacquer, 4, 0.1, 0.3), "sky": (((0.5, 0.5, 0.5),) * 2,),
    }  # fmt: skip
    textures: dict[str, tuple[str, float, float]] = {}
    for slot, pool in (
        ("road", "road"), ("walk", "walk"), ("terrain", "terrain"), ("ground", "terrain"), ("facade", "facade"), ("block", "block"), ("wall", "wall"), ("roof", "roof"),
        ("fence", "fence"), ("leaf", "leaf"), ("hedge", "leaf"), ("cargo", "cargo"), ("top", "cloth"), ("legs", "cloth"), ("rtop", "cloth"),
    ):  # fmt: skip
        name, metres = d.pick(TEXTURES[pool])
        textures[slot] = (name, metres * d.between(0.8, 1.35), d.between(0.6, 1.1))
    textures["hill"] = ("leaf", 40.0, 0.5)
    textures["bark"] = ("bark", 1.2, 1.0)
    textures["kerb"] = ("concrete", 2.0, 1.0)
    for slot in ("car", "truck", "bus", "train", "cglass", "door"):
        textures[slot] = ("gloss", d.between(1.3, 3.5), d.between(0.6, 1.2))
    textures["awning"] = (d.pick(["plain", "stripes", "gloss"]), 1.0, 1.0)
    textures["shop"] = (d.pick(["plain", "planks"]), 2.0, 0.7)
    name, metres = d.pick(TEXTURES["glass"])
    textures["glass"] = (name, float(metres), 1.0)
    name, metres = d.pick(TEXTURES["sky"])
    textures["sky"] = (name, metres * d.between(0.8, 1.3), 1.0)
    return Look(f"sampled:{n}", palettes, textures, light, lens, _mix(d))
