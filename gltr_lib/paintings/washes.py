"""Let flow: watercolour, marbling, colour field, spray-like stains."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gltr_lib.paintings.palette import Palette, paper
from gltr_lib.paintings.scenes import compose
from gltr_lib.paintings.tools import (
    Shape,
    along,
    at,
    axes,
    between,
    blur,
    edges,
    fork,
    grain,
    log_between,
    mix,
    noise,
    ramp,
    relief,
)


def watercolour(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Transparent washes: pigment gathers at the drying edge, granulates in the paper's valleys and bleeds."""
    scene = compose(rng, shape, palette)
    x, y = axes(shape)
    unit = min(shape)
    sheet = np.clip(paper(rng, 0.1) * 1.02, 0, 1)
    density = np.zeros((*shape, 3), np.float32)
    tooth = noise(rng, shape, 75, 2) - 0.5
    warp = between(rng, 0.015, 0.06)
    for layer, strength in enumerate((0.55, 0.5, 0.35)):
        bleed = warp / (1 + layer)
        px = x + bleed * 2 * (noise(rng, shape, 7, 4, 0.65) - 0.5)
        py = y + bleed * 2 * (noise(rng, shape, 7, 4, 0.65) - 0.5)
        family, tone = at(scene.family, px, py), at(scene.tone, px, py)
        if layer == 0:
            tone = blur(tone, 0.03 * unit) * 0.6 + 0.4
        else:
            tone = np.round(tone * (2 + layer)) / (2 + layer)
        colour = np.clip(palette.colour(family, tone), 0.03, 1)
        pool = 0.55 + 0.9 * noise(rng, shape, 4, 3)
        rim = blur(edges(family * 8 + (tone * 7).astype(np.intp)), 0.004 * unit)
        flow = strength * pool + 0.5 * rim * (layer > 0) + 0.5 * tooth * strength
        density += np.clip(flow, 0, None)[..., None] * -np.log(colour)
    low = between(rng, -0.1, 0.22)
    dry = ramp(noise(rng, shape, 3, 4, 0.5) + 0.15 * tooth, low, low + 0.3)[..., None]
    rgb = sheet * np.exp(-density * (0.3 + 0.7 * dry) * between(rng, 0.6, 1.1))
    if rng.random() < 0.3:  # splashes
        spot = ramp(noise(rng, shape, 30, 1), 0.88, 0.9) * ramp(noise(rng, shape, 2, 1), 0.5, 0.6)
        rgb = rgb * (1 - 0.4 * spot[..., None] * (1 - palette.colour(0, 0.4)))
    return rgb + 0.06 * tooth[..., None] * rgb


def marbling(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Inks floated on size and combed: stones or bands, drawn through by tines and swirls."""
    over = 2
    fine_shape = (shape[0] * over, shape[1] * over)
    x, y = axes(fine_shape)
    angle = 6.28 * rng.random()
    u, v = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    for _ in range(int(rng.integers(1, 4))):  # combs, undone from the last to the first
        teeth, pull = log_between(rng, 2, 14), between(rng, 0.05, 0.3)
        wave = np.abs(((u * teeth + rng.random()) % 2.0) - 1.0)
        sign = np.where(np.floor(u * teeth / 2) % 2 > 0, 1.0, -1.0) if rng.random() < 0.3 else 1.0
        v = v + (pull / teeth**0.5 * 1.6) * (wave * wave * (3 - 2 * wave)) * sign
        u, v = v, -u
    for _ in range(int(rng.integers(0, 4))):
        cx, cy, size = between(rng, -0.5, 1.2), between(rng, -0.5, 1.2), between(rng, 0.1, 0.3)
        du, dv = u - np.float32(cx), v - np.float32(cy)
        twist = between(rng, -4, 4) * np.exp(-(du * du + dv * dv) / np.float32(size * size))
        c, s = np.cos(twist), np.sin(twist)
        u, v = cx + du * c - dv * s, cy + du * s + dv * c
    bands = log_between(rng, 5, 16)
    field = noise(rng, fine_shape, log_between(rng, 2, 5), 2)
    u0, v0 = (u % 1.0), (v % 1.0)
    fold_u, fold_v = np.minimum(u0, 1 - u0) * 2, np.minimum(v0, 1 - v0) * 2
    stone = at(field, fold_u * 0.98, fold_v * 0.98)
    height = (v * between(rng, 0.0, 1.0) + between(rng, 0.6, 1.6) * stone) * bands
    size = 256
    child = fork(rng)
    lut = palette.pick(child, size, 0.02, 1.0)
    index = np.floor(height).astype(np.intp)
    part = height - np.floor(height)
    rgb = lut[index % size]
    vein = ramp(np.abs(part - 0.5), 0.5 - between(rng, 0.02, 0.12), 0.5)
    rgb = mix(rgb, np.broadcast_to(palette.colour(0, float(rng.random() < 0.5)), rgb.shape), vein)
    rgb = rgb.reshape(shape[0], over, shape[1], over, 3).mean((1, 3))
    tooth = 0.05 * (noise(rng, shape, 35, 2) - 0.5) + 0.03 * grain(rng, shape)
    return rgb * (1 + tooth)[..., None]


def colour_field(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Large breathing rectangles, vertical zips, nested squares or poured veils."""
    x, y = axes(shape)
    unit = min(shape)
    u, v = x / (shape[1] / unit), y / (shape[0] / unit)
    cloud = noise(rng, shape, 6, 4, 0.6) - 0.5
    ground_family, ground_tone = int(rng.integers(len(palette))), rng.random()
    rgb = palette.colour(np.full(shape, ground_family), np.clip(ground_tone + 0.25 * cloud, 0, 1).astype(np.float32))
    brush = along(
        fork(rng).random(shape, dtype=np.float32),
        np.full(shape, between(rng, -0.3, 0.3), np.float32) + 2 * cloud,
        0.15 * unit,
    )
    style = int(rng.integers(4))

    def lay(distance: np.ndarray, soft: float, most: float = 0.95) -> None:
        nonlocal rgb
        stir = cloud + 0.05 * brush
        cover = ramp(distance + soft * 1.4 * stir, -soft, soft) * np.clip(most + 0.1 * brush, 0, 1)
        tone = np.clip(rng.random() + 0.3 * (noise(rng, shape, 9, 3) - 0.5) + 0.03 * brush, 0, 1).astype(np.float32)
        rgb = mix(rgb, palette.colour(np.full(shape, int(rng.integers(len(palette)))), tone), cover)

    if style == 0:
        cuts = np.cumsum(0.4 + rng.random(int(rng.integers(2, 5))))
        cuts = np.concatenate([[0], cuts / cuts[-1]]) * 0.88 + 0.06
        inset, soft = between(rng, 0.05, 0.14), between(rng, 0.012, 0.04)
        for top, bottom in pairwise(cuts.tolist()):
            lay(np.minimum(np.minimum(u - inset, 1 - inset - u), np.minimum(v - top - 0.018, bottom - 0.018 - v)), soft)
    elif style == 1:
        for _ in range(int(rng.integers(2, 14))):
            lay(log_between(rng, 0.006, 0.12) - np.abs(u - rng.random()), between(rng, 0.003, 0.02))
    elif style == 2:
        low = between(rng, 0.5, 0.6)
        for size in np.linspace(0.46, 0.1, int(rng.integers(3, 6))).tolist():
            lay(size - np.maximum(np.abs(u - 0.5), np.abs(v - low + 0.2 * (size - 0.46))), 0.004, 1.0)
    else:
        for _ in range(int(rng.integers(4, 12))):
            lean, place = between(rng, -1, 1), rng.random()
            lay(
                0.05 + 0.2 * rng.random()
                - np.abs(u - place + lean * (v - 0.5) + 0.8 * (noise(rng, shape, 2, 3) - 0.5)), 0.05, 0.75,
            )  # fmt: skip
    weave = np.sin(x * 700) * np.sin(y * 700) if unit >= 200 else 0.0
    rgb = rgb * (1 + 0.02 * weave + 0.05 * grain(rng, shape))[..., None] if isinstance(weave, np.ndarray) else rgb
    return relief(rgb, 0.04 * brush, between(rng, 0, 1.0), 1.0)
