"""From polygon numbers to a picture: textures in perspective, light, shadow, air, sky, lens, sensor.

Everything is one pass over the pixels. On a plane in perspective, 1/z, u/z and v/z are linear in the pixel's x and y
(Blinn 1992, "Hyperbolic interpolation"), so each polygon needs nine numbers, found from three of its corners, and a
pixel fetches the nine of its polygon. The footprint of a pixel chooses the level of the texture's pyramid.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gltr_lib.streets.dice import APPEARANCE, SENSOR, Dice, generator
from gltr_lib.streets.looks import Lens, Look
from gltr_lib.streets.materials import LEVELS, OFFSETS, PYRAMID, SIZE, SLOT, SLOTS, UNIT_TEXTURES, pyramid
from gltr_lib.streets.mesh import GLOW, GROUND, UNIT, UP, Mesh, Projected, focal_pixels, project
from gltr_lib.streets.raster import cover

F32 = np.float32
SKY_HEIGHT = 600.0


class Materials:
    """A look's palettes and textures as arrays that polygons index by slot."""

    def __init__(self, look: Look) -> None:
        names = sorted({t[0] for t in look.textures.values()} | {"plain", look.textures["sky"][0]})
        self.atlas = np.concatenate([pyramid(name) for name in names])
        default = ("plain", 1.0, 1.0)
        rows = [look.textures.get(slot, default) for slot in SLOTS]
        self.base = np.array([names.index(r[0]) * PYRAMID for r in rows], dtype=np.int32)
        self.unit = np.array([r[0] in UNIT_TEXTURES for r in rows])
        self.metres = np.array([r[1] for r in rows], dtype=np.float64)
        self.strength = np.array([r[2] for r in rows], dtype=np.float64)
        table = [look.palettes.get(slot, (((0.5,) * 3, (0.5,) * 3),)) for slot in SLOTS]
        self.count = np.array([len(t) for t in table])
        self.first = np.cumsum(self.count) - self.count
        self.colours = np.array([pair for t in table for pair in t], dtype=np.float64)  # (P, 2, 3)
        light = look.light
        sun = np.array(light.sun) / np.linalg.norm(light.sun)
        normal = np.array([[0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 0.35, -0.8]])
        direct = np.maximum(normal @ sun, 0.0)[:, None] * np.array(light.sun_colour) * 1.35
        sky = np.array([1.0, 0.86, 0.86, 0.9])[:, None] * np.array(light.ambient)
        lit = direct + sky
        self.lit = np.concatenate([lit, lit[3:] * 0.42, np.ones((1, 3))])  # DARK, GLOW


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(width, dtype=F32) + F32(0.5 - width / 2)
    y = np.arange(height, dtype=F32) + F32(0.5 - height / 2)
    return np.tile(x, height), np.repeat(y, width)


def _planes(p: Projected, mats: Materials, height: int, width: int) -> np.ndarray:
    """Return (9, F) coefficients of 1/z, u/z, v/z over centred pixel coordinates; u and v in texture tiles."""
    corner = p.start[:, None] + np.stack([0 * p.count, p.count // 3, 2 * p.count // 3], 1)
    s = p.xy[corner] - np.array([width / 2, height / 2])  # (F, 3, 2)
    w, z = p.world[corner], p.z[corner]
    ground, unit = p.axes == GROUND, p.axes == UNIT
    u = np.where(p.axes[:, None] == 1, z, w[..., 0])
    v = np.where(ground[:, None], z, w[..., 1])
    tile = mats.metres[p.slot][:, None]
    fixed = mats.unit[p.slot]  # pictures that fill a face: by the face's own axes, else by its height
    u, v = u / tile, v / tile
    low = v.min(1, keepdims=True)
    v = np.where(fixed[:, None] & ~unit[:, None], np.clip(v - low, 0, 0.98), v)
    u = np.where(unit[:, None], np.array([[0.02, 0.98, 0.98]]), u)
    v = np.where(unit[:, None], np.array([[0.02, 0.02, 0.98]]), v)
    q = np.stack([1 / z, u / z, v / z], 1)  # (F, 3 quantities, 3 corners)
    e1, e2 = s[:, 1] - s[:, 0], s[:, 2] - s[:, 0]
    det = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    flat = np.abs(det) < 1e-6
    det = np.where(flat, 1.0, det)[:, None]
    d1, d2 = q[:, :, 1] - q[:, :, 0], q[:, :, 2] - q[:, :, 0]
    a = (d1 * e2[:, None, 1] - d2 * e1[:, None, 1]) / det
    b = (d2 * e1[:, None, 0] - d1 * e2[:, None, 0]) / det
    a[flat], b[flat] = 0.0, 0.0
    c = q[:, :, 0] - a * s[:, 0, 0, None] - b * s[:, 0, 1, None]
    return np.stack([a, b, c], 2).reshape(len(c), 9).T


def _box_blur(x: np.ndarray, radius: int) -> np.ndarray:
    """Mean over a (2 radius + 1) square, edges repeated."""
    if radius < 1:
        return x
    for axis in (0, 1):
        pad = [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)]
        c = np.cumsum(np.pad(x, pad, mode="edge"), axis=axis, dtype=np.float64)
        n = x.shape[axis]
        x = (np.take(c, range(2 * radius + 1, 2 * radius + 1 + n), axis) - np.take(c, range(n), axis)) / (
            2 * radius + 1
        )
    return x.astype(F32)


def _ground_light(mesh: Mesh, p: Projected, look: Look, height: int, width: int) -> np.ndarray:
    """Return (height, width) in [0, 1]: what is left of the light on the ground, under things and in cast shadows."""
    light = np.ones((height, width), F32)
    if mesh.contacts:
        c = np.array(mesh.contacts)
        x0, x1, z0, z1 = c.T
        y = np.full_like(x0, 0.02)
        quad = np.stack([np.stack([a, y, b], 1) for a, b in ((x0, z0), (x1, z0), (x1, z1), (x0, z1))], 1).reshape(-1, 3)
        xy, _ = project(quad, mesh.camera, height, width)
        start = np.arange(len(c)) * 4
        mask = cover(xy, start, np.full(len(c), 4), height, width).astype(F32)
        light -= F32(look.light.contact) * _box_blur(mask, max(1, height // 90))
    if look.light.shadow > 0:
        sun = np.array(look.light.sun, dtype=np.float64)
        keep = p.cast
        if keep.any():
            slide = -sun / max(sun[1], 0.05)
            w = p.world.copy()
            w[:, 0] += slide[0] * w[:, 1]
            w[:, 2] += slide[2] * w[:, 1]
            w[:, 1] = 0.01
            xy, _ = project(w, mesh.camera, height, width)
            mask = cover(xy, p.start[keep], p.count[keep], height, width).astype(F32)
            light *= 1 - F32(look.light.shadow) * _box_blur(mask, max(1, height // 160))
    return light


def shade(mesh: Mesh, p: Projected, ids: np.ndarray, look: Look, mats: Materials, seed: int) -> np.ndarray:
    """Colour a picture of polygon numbers.

    Args:
        mesh: the street.
        p: its polygons in the picture.
        ids: (h, w) int32, 0 = sky, k + 1 = polygon k.
        look: the look, and ``mats`` its tables.
        seed: the street's seed (small differences from street to street).

    Returns:
        (3, h, w) float32, about [0, 1].
    """
    height, width = ids.shape
    camera, light = mesh.camera, look.light
    dice = Dice(seed, APPEARANCE)
    f = focal_pixels(camera, height, width)
    unit = f / camera.focal
    pick = mats.first[p.slot] + np.minimum((p.variant * mats.count[p.slot]).astype(np.int64), mats.count[p.slot] - 1)
    gain = (p.shade * np.where(p.normal == GLOW, 1.0, 1.0))[:, None] * mats.lit[p.normal]
    gain *= np.where(p.normal == GLOW, 1.0, 1.0 + 0.04 * (2 * ((p.variant * 37.7) % 1.0) - 1))[:, None]
    first, second = mats.colours[pick, 0] * gain, mats.colours[pick, 1] * gain
    mid, strength = 0.5 * (first + second), mats.strength[p.slot][:, None]
    first, second = mid + (first - mid) * strength, mid + (second - mid) * strength
    planes = _planes(p, mats, height, width)
    # polygon 0 is the sky: a ceiling of cloud
    cx, cy = camera.shift_x * unit, -camera.shift_y * unit
    tile = mats.metres[SLOT["sky"]]
    drift = dice.u(), dice.u()
    sky = np.array([0, -1 / (f * SKY_HEIGHT), cy / (f * SKY_HEIGHT), 1 / f / tile, 0, -cx / f / tile, 0, 0, 1 / tile])
    sky[3:6] += drift[0] * sky[0:3]
    sky[6:9] += drift[1] * sky[0:3]
    table = np.concatenate([sky[:, None], planes], 1).astype(F32)
    x, y = _grid(height, width)
    flat = ids.ravel()
    iz, uz, vz = (table[k].take(flat) * x + table[k + 1].take(flat) * y + table[k + 2].take(flat) for k in (0, 3, 6))
    np.maximum(iz, F32(1e-5), out=iz)
    z = 1 / iz
    u, v = uz * z, vz * z
    # pyramid level from the size of a pixel on the surface, in texels
    is_unit = mats.unit[p.slot]
    per_metre = np.where(p.axes == UNIT, SIZE / 2.0, SIZE / mats.metres[p.slot]) / f
    graze = np.where(p.normal == UP, 0.6, np.where(p.axes == 1, 0.16, 0.0)) * ~(is_unit & (p.axes == UNIT))
    rate = np.concatenate([[SIZE / tile / f], per_metre]).astype(F32).take(flat)
    lean = np.concatenate([[0.0006], graze]).astype(F32).take(flat)
    texels = z * rate * np.sqrt(1 + z * lean)
    _, level = np.frexp(texels * F32(0.8))
    level = np.clip(level, 0, LEVELS - 1)
    side = (SIZE >> level).astype(np.int32)
    base = np.concatenate([[mats.base[SLOT["sky"]]], mats.base[p.slot]]).astype(np.int32).take(flat)
    u -= np.floor(u)
    v -= np.floor(v)
    column = np.minimum((u * side).astype(np.int32), side - 1)
    row = np.minimum((v * side).astype(np.int32), side - 1)
    t = mats.atlas.take(base + OFFSETS.take(level) + row * side + column).astype(F32) * F32(1 / 255)
    is_sky = flat == 0
    floor = np.concatenate([[False], p.normal == UP]) & np.concatenate([[False], p.axes == GROUND])
    dim = np.where(floor.take(flat), _ground_light(mesh, p, look, height, width).ravel(), F32(1))
    air = np.exp(-F32(light.density) * z)
    air[is_sky] = 1
    low = np.concatenate([np.zeros((1, 3)), first]).T.astype(F32)
    high = np.concatenate([np.zeros((1, 3)), second]).T.astype(F32)
    out = np.empty((3, height * width), F32)
    for k in range(3):
        a = low[k].take(flat)
        colour = (a + (high[k].take(flat) - a) * t) * dim
        out[k] = colour * air + F32(light.haze[k]) * (1 - air)
    _sky(out, is_sky, y, t, look, cy, unit)
    return out.reshape(3, height, width)


def _sky(out: np.ndarray, where: np.ndarray, y: np.ndarray, t: np.ndarray, look: Look, cy: float, unit: float) -> None:
    """Paint the sky: a gradient from the horizon up, and clouds where the cloud texture is above the cover."""
    if not where.any():
        return
    light = look.light
    up = np.clip((F32(cy) - y[where]) / F32(0.5 * unit), 0, 1)
    edge = 0.5 + 0.62 * (0.5 - light.cover)
    cloud = np.clip((t[where] - F32(edge - light.soft / 2)) / F32(light.soft), 0, 1)
    cloud = cloud * cloud * (3 - 2 * cloud) * np.clip(up * 5, 0, 1)
    body = 0.9 + 0.1 * np.clip((t[where] - F32(edge)) * 3, 0, 1)
    rise = np.sqrt(up)
    for k in range(3):
        blue = light.horizon[k] + (light.zenith[k] - light.horizon[k]) * rise
        out[k, where] = blue + (light.cloud[k] * body - blue) * cloud


def develop(light: np.ndarray, lens: Lens, seed: int) -> np.ndarray:
    """Turn the light that falls on the sensor into a picture.

    Args:
        light: (3, h, w) float32.
        lens: the camera.
        seed: the street's seed; the noise of the sensor is drawn from it.

    Returns:
        (h, w, 3) uint8.
    """
    _, h, w = light.shape
    x = light * F32(lens.exposure) * np.array(lens.balance, dtype=F32)[:, None, None]
    if lens.meter > 0:  # automatic exposure, which never undoes more than a stop and a bit
        mean = float(np.mean(x, dtype=np.float64))
        x = x * F32(min(2.4, max(0.6, lens.meter / max(mean, 1e-3))))
    if lens.blur > 0:
        p = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
        ring = (p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:]) * F32(0.25)
        x = x + (ring - x) * F32(lens.blur)
    if lens.vignette > 0:
        yy = ((np.arange(h, dtype=F32) + F32(0.5)) / h * 2 - 1)[:, None]
        xx = ((np.arange(w, dtype=F32) + F32(0.5)) / w * 2 - 1)[None, :]
        x = x * (1 - F32(lens.vignette * 0.5) * (xx * xx + yy * yy))
    if lens.glare > 0:
        x = x * F32(1 - lens.glare) + F32(lens.glare)
    grey = x[0] * F32(0.3) + x[1] * F32(0.59) + x[2] * F32(0.11)
    if lens.saturation != 1:
        x = grey + (x - grey) * F32(lens.saturation)
    x = np.clip(x, 0, 1)
    if lens.gamma != 1:
        x = x ** F32(lens.gamma)
    if lens.contrast:
        x = x + F32(lens.contrast) * (x * x * (3 - 2 * x) - x) * 2
    if lens.noise > 0:
        r = generator(seed, SENSOR).random((4, h, w), dtype=np.float32)
        bell = (r[:3] + r[3]) - 1  # a triangle: grain that the channels partly share
        x = x + bell * F32(lens.noise * 2.4) * (F32(0.5) + np.sqrt(np.clip(x, 0, 1)))
    return np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0).copy()
