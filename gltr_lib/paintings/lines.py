"""Drawn with lines: ink hatching, pencil, woodcut, ukiyo-e waves, ink-wash mountains."""

from __future__ import annotations

import numpy as np

from gltr_lib.paintings.outdoors import ridge
from gltr_lib.paintings.palette import Palette, oklch_to_rgb, paper
from gltr_lib.paintings.scenes import compose
from gltr_lib.paintings.tools import (
    Canvas,
    Shape,
    along,
    axes,
    between,
    blur,
    cells,
    edges,
    fork,
    grain,
    log_between,
    mix,
    noise,
    ramp,
)


def _outline(label: np.ndarray, weight: float) -> np.ndarray:
    """Contours of a label map as a soft line of about `weight` pixels."""
    return np.clip(blur(edges(label), max(weight, 0.6)) * 2.2, 0, 1)


def hatching(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Pen and ink: parallel lines that thicken in the shadow, crossed by further sets where it is darker still."""
    scene = compose(rng, shape, palette)
    x, y = axes(shape)
    sheet = np.broadcast_to(paper(rng), (*shape, 3)) + 0.03 * grain(rng, shape)[..., None]
    if rng.random() < 0.5:  # a watercolour tint under the ink
        sheet = mix(
            sheet, sheet * (0.35 + 0.65 * blur(scene.colours(palette), 0.012 * min(shape))), between(rng, 0.4, 1)
        )
    ink = palette.colour(int(rng.integers(len(palette))), between(rng, 0, 0.12)) * 0.6
    lines = log_between(rng, 42, 85)
    start, wobble = 3.14 * rng.random(), between(rng, 0.01, 0.05)
    wave = wobble * (noise(rng, shape, 5, 2) - 0.5)
    pixel = lines / min(shape)
    lightness = np.clip((scene.tone - 0.5) * 1.3 + 0.66, 0, 1)
    dark = np.zeros(shape, np.float32)
    sets = int(rng.integers(2, 5))
    for index in range(sets):
        angle = start + index * between(rng, 0.6, 1.2)
        phase = ((x + wave) * np.cos(angle) + (y + wave) * np.sin(angle)) * lines
        distance = np.abs(phase - np.floor(phase) - 0.5)
        need = np.clip((1 - index / sets) - lightness, 0, 1) * sets * 0.34
        need = need * (0.7 + 0.6 * noise(rng, shape, 12, 2))
        dark = np.maximum(dark, ramp(need * 0.42 - distance, -0.7 * pixel, 0.7 * pixel) * (need > 0.02))
    dark = np.maximum(dark, _outline(scene.family, 0.003 * min(shape)))
    rgb = mix(sheet, np.broadcast_to(ink, (*shape, 3)), 0.92 * dark)
    return 1 - rgb if rng.random() < 0.12 else rgb  # now and then a scratchboard


def pencil(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Graphite, charcoal or coloured pencil: grainy strokes over a construction drawing."""
    scene = compose(rng, shape, palette)
    sheet = np.broadcast_to(paper(rng, 0.4), (*shape, 3))
    unit = min(shape)
    angle = np.full(shape, between(rng, 0.3, 1.2), np.float32) + between(rng, 0, 0.5) * scene.angle
    strokes = 0.5 * along(fork(rng).random(shape, dtype=np.float32), angle, 0.1 * unit)
    strokes = strokes + along(noise(rng, shape, between(rng, 45, 80), 1), angle + 0.1, between(rng, 0.1, 0.2) * unit)
    tooth = grain(rng, shape, 2.2) + 0.4 * grain(rng, shape)
    weight = between(rng, 0.7, 1.25)
    tone = np.clip((scene.tone - 0.5) * 1.35 + 0.55, 0, 1.05)
    dark = ramp(weight * (1.05 - tone) + 0.13 * strokes + 0.3 * tooth, 0.12, 1.25)
    dark = np.maximum(dark, (0.55 + 0.8 * tooth) * _outline(scene.family, 0.0035 * unit))
    grey = oklch_to_rgb(np.array(between(rng, 0.16, 0.34)), np.array(0.03 * rng.random()), np.array(360 * rng.random()))
    lead = np.broadcast_to(grey, (*shape, 3))
    if rng.random() < 0.5:
        lead = palette.colour(scene.family, np.clip(0.15 + 0.45 * scene.tone, 0, 1))
    rgb = mix(sheet, lead, np.clip(dark, 0, 0.95))
    return rgb + 0.03 * tooth[..., None]


def woodcut(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Black lines left standing by the gouge, over flat blocks of colour printed a little out of register."""
    scene = compose(rng, shape, palette)
    x, y = axes(shape)
    unit = min(shape)
    lines, bins = log_between(rng, 22, 50), 7
    way = np.floor(scene.angle / np.pi * bins + scene.family) * (np.pi / bins)
    wave = 0.03 * (noise(rng, shape, 5, 2) - 0.5)
    phase = ((x + wave) * np.cos(way) + (y + wave) * np.sin(way)) * lines
    distance = np.abs(phase - np.floor(phase) - 0.5)
    pixel = lines / unit
    tone = np.clip((scene.tone - 0.5) * between(rng, 1.3, 2.0) + 0.52, 0, 1)
    black = ramp((1 - tone) * 0.5 - distance, -0.6 * pixel, 0.6 * pixel) * ramp(tone, 0.98, 0.9)
    black = np.maximum(black, ramp(tone, 0.22, 0.16))
    black = np.maximum(black, _outline(scene.family, 0.004 * unit))
    wood = along(noise(rng, shape, 60, 1), np.full(shape, 0.02, np.float32), 0.35 * unit)
    black = black * np.clip(1 - 0.16 * np.clip(wood, 0, 2), 0, 1)
    steps = np.round(scene.tone * 2.4) / 2.4
    blocks = palette.colour(scene.family, np.clip(0.4 + 0.6 * steps, 0, 1))
    shift = int(0.008 * unit * rng.random())
    blocks = np.roll(blocks, (shift, shift), (0, 1))
    sheet = np.broadcast_to(paper(rng), (*shape, 3))
    rgb = mix(sheet, blocks, between(rng, 0.3, 1.0) if rng.random() < 0.75 else 0.0)
    ink = palette.colour(int(rng.integers(len(palette))), 0.0) * between(rng, 0.4, 1)
    return mix(rgb * (1 + 0.02 * wood[..., None]), np.broadcast_to(ink, (*shape, 3)), black)


def ukiyoe(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Waves printed from blocks: graded sky, a far mountain, leaning crests with claws of foam."""
    x, y = axes(shape)
    unit = min(shape)
    wide, tall = shape[1] / unit, shape[0] / unit
    sheet, families, pixel = paper(rng), len(palette), 1.0 / unit
    sky, blue, foam = int(rng.integers(families)), int(rng.integers(families)), np.clip(sheet * 1.04, 0, 1)
    ink, horizon = palette.colour(blue, 0.0) * 0.7, between(rng, 0.45, 0.72)
    grade = (1 - y / tall) ** between(rng, 0.7, 3)
    if rng.random() < 0.3:  # the sky darkens towards the sea
        grade = ramp(y / tall, 0.05, horizon) ** 2
    rgb = mix(
        np.broadcast_to(sheet, (*shape, 3)), palette.colour(sky, between(rng, 0.2, 0.8)), grade * between(rng, 0.5, 1)
    )
    if rng.random() < 0.5:
        far = np.hypot(x - wide * between(rng, 0.1, 0.9), y - tall * between(rng, 0.1, horizon))
        rgb = mix(
            rgb,
            palette.colour(int(rng.integers(families)), between(rng, 0.4, 1)),
            ramp(between(rng, 0.06, 0.2) - far, -pixel, pixel),
        )
    if rng.random() < 0.7:  # a mountain with snow
        peak, centre, steep = (
            tall * between(rng, 0.12, horizon - 0.2),
            wide * between(rng, 0.2, 0.8),
            between(rng, 0.7, 1.3),
        )
        rim = y - peak - np.maximum(np.abs(x - np.float32(centre)) - 0.02, 0) ** 0.8 * np.float32(steep)
        body = ramp(rim, -pixel, pixel)
        rgb = mix(rgb, palette.colour(int(rng.integers(families)), between(rng, 0.15, 0.5)), body)
        snow = body * ramp(
            peak + 0.12 + 0.05 * np.abs((x * 13 % 2) - 1) + 0.04 * (noise(rng, shape, 20, 1) - 0.5) - y, -pixel, pixel
        )
        rgb = mix(rgb, foam, snow)
        rgb = mix(rgb, ink, 0.8 * ramp(0.003 - np.abs(rim), -pixel, pixel))
    spray, *_ = cells(rng, x, y, between(rng, 30, 45), 1.0)
    layers, stripe, lean = int(rng.integers(3, 7)), between(rng, 20, 46), between(rng, -1.1, 1.1)
    for layer in range(layers):
        share = layer / (layers - 1)
        length, high = between(rng, 0.3, 0.6) * (0.7 + 0.9 * share), between(rng, 0.03, 0.09) * (0.7 + 1.6 * share)
        base = tall * (horizon + (1.02 - horizon) * share)
        above = np.clip(base + 0.3 * high - y, 0, None)  # what stands higher leans further over, so that crests curl
        phase = (x + lean * above * (1 + 1.5 * above)) / length + 6 * rng.random()
        swell = 0.5 + 0.5 * np.sin(0.618 * 6.2832 * phase / 1.7 + 6 * rng.random())
        crest = base - high * (2.6 * swell + 0.5) * (1 - np.abs(np.sin(np.pi * phase))) ** 1.3
        claws = np.abs(np.sin(phase * between(rng, 14, 24) + 5 * noise(rng, shape, 5, 1)))
        rim = 0.010 + (0.008 + 0.022 * share) * claws * (0.4 + swell)
        depth = y - crest
        body = ramp(depth, -pixel, pixel)
        bands = np.abs((depth * stripe + 0.6 * np.sin(2 * np.pi * phase)) % 1.0 - 0.5)
        step = np.round(np.clip(depth * 5, 0, 1) * 3) / 3
        water = palette.colour(np.full(shape, blue + (layer % 2) * (layer % 3)), np.clip(0.72 - 0.5 * step, 0, 1))
        water = mix(water, palette.colour(blue, 0.08), 0.8 * ramp(0.15 - bands, -0.07, 0.07) * ramp(depth, 0.3, 0.0))
        rgb = mix(rgb, water, body)
        rgb = mix(rgb, foam, ramp(rim - depth, -pixel, pixel) * body)
        line = np.maximum(ramp(0.0025 - np.abs(depth), -pixel, pixel), ramp(0.002 - np.abs(depth - rim), -pixel, pixel))
        rgb = mix(rgb, ink, 0.85 * line)
        drops = ramp(0.22 - spray, 0, 0.15) * ramp(0.05 * swell - np.abs(depth + 0.045), 0, 0.02)
        rgb = mix(rgb, foam, drops)
    wood = along(noise(rng, shape, 70, 1), np.full(shape, 0.03, np.float32), 0.4 * unit)
    return rgb * (1 + 0.018 * wood[..., None])


def sumi(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Ink wash: mountains that dissolve in mist, a moon, bamboo in front, one red seal."""
    unit = min(shape)
    x, y = axes(shape)
    tall, wide = shape[0] / unit, shape[1] / unit
    sheet = paper(rng, 0.25)
    ink = mix(np.full(3, 0.06, np.float32), palette.colour(0, 0.15), between(rng, 0, 0.9))
    density: np.ndarray = np.zeros(shape, np.float32)
    if rng.random() < 0.4:  # the moon is the paper, left white in a grey sky
        distance = np.hypot(x - wide * between(rng, 0.15, 0.85), y - tall * between(rng, 0.12, 0.35))
        density = between(rng, 0.1, 0.35) * ramp(distance, 0.08, 0.09) * np.clip(1.2 - y / tall, 0, 1)
    layers, start, rough = int(rng.integers(2, 6)), between(rng, 0.2, 0.5), between(rng, 0.04, 0.14)
    for layer in range(layers):
        share = layer / layers
        line = ridge(fork(rng), tall * (start + (0.9 - start) * share), rough * (1 - 0.4 * share), 80)
        level = np.interp(x[0] / wide, [p[0] for p in line], [p[1] for p in line]).astype(np.float32)[None]
        depth = y - level - 0.06 * (noise(rng, shape, 8, 4, 0.6) - 0.5)
        wash = ramp(depth, 0, 0.006) * np.exp(-np.clip(depth, 0, None) / between(rng, 0.1, 0.3))
        rock = 0.5 + noise(rng, shape, 9, 4, 0.65)
        density = np.maximum(density * (1 - 0.75 * ramp(depth, 0, 0.01)), wash * rock * (0.25 + 0.75 * share))
    rgb = mix(np.broadcast_to(sheet, (*shape, 3)), ink, np.clip(density * 0.85, 0, 0.95))
    canvas, black = Canvas(shape, rgb), np.asarray(ink) * 0.7
    for _ in range(int(rng.integers(1, 5)) if rng.random() < 0.5 else 0):
        foot, lean, girth = wide * rng.random(), between(rng, -0.15, 0.15), between(rng, 0.008, 0.026)
        joints, faint = np.arange(9) / 8, 0.45 * rng.random()
        cx, cy = foot + lean * joints, tall * (1.05 - between(rng, 0.6, 1.1) * joints)
        pieces = black + (sheet - black) * (faint + 0.2 * rng.random((9, 1)))
        reach = float(np.hypot(cx[1] - cx[0], cy[1] - cy[0])) * 0.93
        canvas.strokes(
            cx, cy, np.full(9, np.arctan2(cy[1] - cy[0], cx[1] - cx[0])), reach, girth, pieces, np.full(9, 0.5), 0.0,
            "square",
        )  # fmt: skip
        for joint in rng.integers(3, 9, int(rng.integers(4, 12))).tolist():  # a hand of drooping leaves
            count, side = int(rng.integers(3, 7)), 1 if rng.random() < 0.5 else -1
            turn = 1.57 - side * np.linspace(0.2, 1.5, count) + 0.3 * (rng.random(count) - 0.5)
            size = 0.06 + 0.09 * rng.random(count)
            px, py = cx[joint] + side * 0.03 + 0.5 * size * np.cos(turn), cy[joint] + 0.5 * size * np.sin(turn)
            tint = black + (sheet - black) * (faint + 0.3 * rng.random((count, 1)))
            canvas.strokes(px, py, turn, size, size * 0.16, tint, np.full(count, 0.5), 0.15 * side, "taper")
    if rng.random() < 0.6:
        red = oklch_to_rgb(np.array(0.52), np.array(0.19), np.array(between(rng, 15, 45)))
        sx, sy = wide * (0.9 if rng.random() < 0.5 else 0.1), tall * between(rng, 0.06, 0.3)
        canvas.strokes(
            np.array([sx]), np.array([sy]), np.zeros(1), 0.06, 0.06, red[None], np.array([0.5]), 0.0, "square"
        )
        mark, turn = rng.random((6, 2)) * 0.04 - 0.02, np.where(rng.random(6) < 0.5, 0, 1.57)
        canvas.strokes(
            sx + mark[:, 0], sy + mark[:, 1], turn, 0.022, 0.006, np.repeat(sheet[None], 6, 0), np.full(6, 0.5)
        )
    rgb, _ = canvas.read()
    return rgb + 0.035 * (grain(rng, shape, 1.5) + 0.6 * (noise(rng, shape, 40, 2) - 0.5))[..., None]
