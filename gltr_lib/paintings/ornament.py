"""Woven, dyed and gilded: batik, kilim, gilded art-nouveau ornament."""

from __future__ import annotations

import numpy as np

from gltr_lib.paintings.palette import Palette, paper
from gltr_lib.paintings.scenes import compose
from gltr_lib.paintings.tools import (
    Canvas,
    Shape,
    at,
    axes,
    between,
    cells,
    fork,
    grain,
    log_between,
    mix,
    noise,
    ramp,
    relief,
    scatter,
)


def batik(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Wax-resist cloth: rosettes in a half-drop repeat, dots and borders, with the fine cracks of broken wax."""
    x, y = axes(shape)
    unit = min(shape)
    repeat, turn = log_between(rng, 2, 6), 0.785 * int(rng.integers(2))
    stir = 0.012 * (noise(rng, shape, 9, 2) - 0.5)
    u = ((x + stir) * np.cos(turn) - (y + stir) * np.sin(turn)) * repeat
    v = ((x + stir) * np.sin(turn) + (y - stir) * np.cos(turn)) * repeat
    if rng.random() < 0.5:
        v = v + 0.5 * (np.floor(u) % 2)
    column, row = np.floor(u), np.floor(v)
    parity = ((column + row) % 2).astype(np.intp)
    du, dv = u - column - 0.5, v - row - 0.5
    radius, angle = np.sqrt(du * du + dv * dv), np.arctan2(dv, du)
    pixel = 0.9 * repeat / unit
    order = rng.permutation(6)
    tones = np.clip(np.linspace(0.05, 0.97, 6)[order], 0, 1)
    families = rng.integers(0, len(palette), 6)
    # The cloth is dyed a little unevenly, so each colour is looked up with a slow tone noise on top.
    uneven = 0.12 * (noise(rng, shape, 4, 3) - 0.5)

    def dye(index: int) -> np.ndarray:
        return palette.colour(
            np.full(shape, families[index % 6]), np.clip(tones[index % 6] + uneven, 0, 1).astype(np.float32)
        )

    rgb = mix(dye(0), dye(1), parity.astype(np.float32) * float(rng.random() < 0.5))
    petals, inner = int(rng.integers(4, 13)), int(rng.integers(3, 9))
    depth, size = between(rng, 0.1, 0.5), between(rng, 0.3, 0.48)
    bloom = size * (1 - depth + depth * np.abs(np.cos(angle * petals / 2)))
    rgb = mix(rgb, dye(2), ramp(bloom - radius, -pixel, pixel))
    rgb = mix(rgb, dye(5), ramp(0.018 - np.abs(bloom - radius), -pixel, pixel))
    rgb = mix(rgb, dye(3), ramp(bloom * between(rng, 0.5, 0.75) - radius, -pixel, pixel))
    heart = size * 0.45 * (0.75 + 0.25 * np.cos(angle * inner + 3.14 * parity))
    rgb = mix(rgb, dye(4), ramp(heart - radius, -pixel, pixel))
    rgb = mix(rgb, dye(0), ramp(0.07 - radius, -pixel, pixel))
    beads = np.abs(np.sin(angle * petals))
    rgb = mix(rgb, dye(5), ramp(0.06 - np.hypot(radius - size * 0.62, 0.09 * (1 - beads) * 2), -pixel, pixel))
    corner = np.hypot(0.5 - np.abs(du), 0.5 - np.abs(dv))
    rgb = mix(rgb, dye(3), ramp(between(rng, 0.05, 0.16) - corner, -pixel, pixel))
    rgb = mix(rgb, dye(5), ramp(0.02 - np.abs(corner - 0.2), -pixel, pixel))
    frame = 0.5 - np.maximum(np.abs(du), np.abs(dv))
    rgb = mix(rgb, dye(4), ramp(0.022 - frame, -pixel, pixel) * float(rng.random() < 0.6))
    first, second, *_ = cells(rng, x + 4 * stir, y - 4 * stir, between(rng, 9, 18), 1.0)
    crack = ramp(0.05 - (second - first), 0, 0.05) * ramp(noise(rng, shape, 3, 2), 0.3, 0.65)
    rgb = mix(rgb, np.broadcast_to(palette.colour(0, 0.05), rgb.shape), between(rng, 0.2, 0.8) * crack)
    weave = 0.05 * np.where(((x * unit).astype(int) + (y * unit).astype(int)) % 2, 1, -1) + 0.08 * grain(rng, shape)
    return rgb * (1 + 0.5 * weave)[..., None]


def kilim(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """A flat-woven rug: stepped diamonds, teeth and stripes thread by thread; or a tapestry of a scene."""
    x, y = axes(shape)
    threads = log_between(rng, 34, 80)
    tu, tv = np.floor(x * threads), np.floor(y * threads)
    if rng.random() < 0.3:
        scene = compose(rng, shape, palette)
        px, py = (tu + 0.5) / threads, (tv + 0.5) / threads
        rgb = palette.colour(at(scene.family, px, py), np.round(at(scene.tone, px, py) * 5) / 5)
    else:
        bands = int(rng.integers(3, 8))
        colours = palette.pick(fork(rng), 16 * 8, 0.05, 0.98).reshape(16, 8, 3)
        along_v = bool(rng.random() < 0.5)
        a, b = (tu, tv) if along_v else (tv, tu)
        height = threads / bands
        band = np.floor(b / height)
        inside = b - band * height
        choice = fork(rng).integers(0, 4, 64)[band.astype(np.intp) % 64]
        period = np.array([12, 16, 20, 28, 36])[fork(rng).integers(0, 5, 64)][band.astype(np.intp) % 64]
        fold = np.abs((a % period) - period / 2 + 0.5)
        mid = np.abs(inside - height / 2)
        diamond = np.floor((fold + mid) / between(rng, 2, 4.5))
        teeth = np.floor((fold + inside) / 3.0) % 4
        stripes = np.floor(inside / max(2.0, height / 7))
        steps = np.floor(np.maximum(fold, mid) / 2.5)
        pattern = np.select([choice == 0, choice == 1, choice == 2], [diamond, teeth, stripes], steps).astype(np.intp)
        mirror = np.abs(band - (bands - 1) / 2).astype(np.intp) if rng.random() < 0.6 else band.astype(np.intp)
        rgb = colours[mirror % 16, pattern % 8]
    fu, fv = x * threads - tu, y * threads - tv
    over = (tu + tv) % 2 > 0
    bulge = np.where(over, np.abs(fu - 0.5), np.abs(fv - 0.5))
    table = fork(rng).random((2, 128), dtype=np.float32)
    wear = table[0][tu.astype(np.intp) % 128] + table[1][tv.astype(np.intp) % 128] - 1
    depth = between(rng, 0.35, 0.8)
    light = (
        1.08 - depth * bulge**1.5 * 1.8 + 0.12 * wear + 0.1 * grain(rng, shape) + 0.2 * (noise(rng, shape, 4, 3) - 0.5)
    )
    return rgb * light[..., None]


def gilded(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Art-nouveau ornament: flowing fields filled with spirals, eyes, tesserae and triangles on a leaf-metal ground."""
    x, y = axes(shape)
    unit = min(shape)
    wide = shape[1] / unit
    metal = int(rng.integers(len(palette)))
    leaf = between(rng, 0.45, 0.8) + 0.5 * (noise(rng, shape, 12, 4, 0.7) - 0.5) + 0.12 * grain(rng, shape)
    rgb = palette.colour(np.full(shape, metal), np.clip(leaf, 0, 1).astype(np.float32))
    turn, sway = between(rng, -0.9, 0.9), between(rng, 0.03, 0.2)
    lines = x * np.cos(turn) + y * np.sin(turn) + sway * np.sin(between(rng, 2, 9) * y + 6.28 * rng.random())
    lines = lines + between(rng, 0.0, 0.5) * (noise(rng, shape, 1.5, 1) - 0.5)
    fields = int(rng.integers(3, 8))
    where = np.clip((lines - lines.min()) / (lines.max() - lines.min()), 0, 1 - 1e-4) * fields
    region = where.astype(np.intp)
    tints, family = fork(rng).random(fields), rng.integers(0, len(palette), fields)
    share = np.where(fork(rng).random(fields) < 0.4, 0.25, 0.92)[region].astype(np.float32)
    rgb = mix(
        rgb,
        palette.colour(family[region], np.clip(tints[region] + 0.3 * (leaf - 0.62), 0, 1).astype(np.float32)),
        share,
    )
    canvas = Canvas(shape, np.clip(rgb, 0, 1))
    scale = log_between(rng, 0.75, 1.6)
    px, py = scatter(rng, shape, 0.047 * scale)
    place = at(region, px, py)
    kinds = rng.integers(0, 4, fields)[place]
    child = fork(rng)
    count = px.size
    size = 0.05 * scale * (0.4 + 1.1 * child.random(count) ** 2)
    light, dark = palette.pick(child, count, 0.65, 1.0), palette.pick(child, count, 0.0, 0.4)
    golden = child.random((count, 1)) < 0.35
    light = np.where(golden, palette.colour(metal, 0.92), light)
    turns = child.random(count) * 6.28
    lift = 0.4 + 0.5 * child.random(count)
    flip = child.random((count, 1)) < 0.5
    one, two = np.where(flip, light, dark), np.where(flip, dark, light)
    for kind in range(4):
        m = kinds == kind
        n = int(m.sum())
        if not n:
            continue
        a, b, s, t, h = px[m], py[m], size[m], turns[m], lift[m]
        if kind == 0:  # rings and eyes
            for ring, colour in ((1.0, one), (0.72, two), (0.45, one), (0.2, two)):
                canvas.strokes(a, b, t, s * ring, s * ring * (0.85 if ring > 0.5 else 1), colour[m], h, 0.0, "dot")
        elif kind == 1:  # upright tesserae
            canvas.strokes(a, b, np.full(n, 1.57), s * 1.3, s * 0.7, one[m], h, 0.0, "square")
            canvas.strokes(a, b, np.full(n, 1.57), s * 0.8, s * 0.35, two[m], h, 0.0, "square")
        elif kind == 2:  # spirals
            for step in range(14):
                r, w = s * 0.09 * (step + 1) * 0.55, t + step * 0.8
                canvas.strokes(
                    a + r * np.cos(w), b + r * np.sin(w), w + 1.57, s * (0.12 + 0.06 * step * 0.8), s * 0.15, one[m], h
                )
        else:  # leaves and triangles
            canvas.strokes(a, b, t, s * 1.5, s * 0.6, one[m], h, 0.08, "taper")
            canvas.strokes(a, b, t, s * 0.9, s * 0.2, two[m], h, 0.08, "taper")
    seam = np.abs(where - np.round(where)) * wide / fields
    rgb, height = canvas.read()
    rgb = mix(
        rgb, np.broadcast_to(palette.colour(metal, 0.1), rgb.shape), 0.7 * ramp(0.006 - seam, -1.2 / unit, 1.2 / unit)
    )
    rgb = relief(rgb, height * 0.7 + 0.25 * leaf, between(rng, 0.4, 1.0), between(rng, 0, 6.28))
    return mix(rgb, rgb * paper(rng, 1.0), between(rng, 0, 0.3))
