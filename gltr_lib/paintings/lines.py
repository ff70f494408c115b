"""Drawn with lines: ink hatching, pencil, woodcut, ukiyo-e waves, ink-wash mountains."""

from __future__ import annotations

import numpy as np

from gltr_lib.paintings.palette import Palette, oklch_to_rgb, paper
from gltr_lib.paintings.scenes import compose, ridge
from gltr_lib.paintings.tools import (
    Canvas,
    Shape,
    along,
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
    lines = log_between(rng, 32, 75)
    start, wobble = 3.14 * rng.random(), between(rng, 0.01, 0.05)
    wave = wobble * (noise(rng, shape, 5, 2) - 0.5)
    pixel = lines / min(shape)
    lightness = np.clip(scene.tone * 1.15 - 0.05, 0, 1)
    dark = np.zeros(shape, np.float32)
    sets = int(rng.integers(2, 5))
    for index in range(sets):
        angle = start + index * between(rng, 0.6, 1.2)
        phase = ((x + wave) * np.cos(angle) + (y + wave) * np.sin(angle)) * lines
        distance = np.abs(phase - np.floor(phase) - 0.5)
        need = np.clip((1 - index / sets) - lightness, 0, 1) * sets * 0.34
        need = need * (0.6 + 0.8 * noise(rng, shape, 12, 2))
        dark = np.maximum(dark, ramp(need * 0.55 - distance, -0.7 * pixel, 0.7 * pixel) * (need > 0.02))
    dark = np.maximum(dark, _outline(scene.family, 0.003 * min(shape)))
    rgb = mix(sheet, np.broadcast_to(ink, (*shape, 3)), 0.92 * dark)
    return 1 - rgb if rng.random() < 0.12 else rgb  # now and then a scratchboard


def pencil(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Graphite, charcoal or coloured pencil: grainy strokes over a construction drawing."""
    scene = compose(rng, shape, palette)
    sheet = np.broadcast_to(paper(rng, 0.4), (*shape, 3))
    unit = min(shape)
    angle = np.full(shape, between(rng, 0.3, 1.2), np.float32) + between(rng, 0, 0.5) * scene.angle
    strokes = along(fork(rng).random(shape, dtype=np.float32), angle, between(rng, 0.08, 0.16) * unit)
    strokes = strokes + 0.6 * along(noise(rng, shape, 70, 1), angle + 0.1, 0.1 * unit)
    tooth = grain(rng, shape, 2.2) + 0.4 * grain(rng, shape)
    weight = between(rng, 0.7, 1.25)
    dark = ramp(weight * (1.02 - scene.tone) + 0.17 * strokes + 0.45 * tooth, 0.2, 1.05)
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
    """Waves printed from blocks: graded sky, far mountain, outlined crests with claws of foam."""
    x, y = axes(shape)
    unit = min(shape)
    wide, tall = shape[1] / unit, shape[0] / unit
    sheet, families = paper(rng), len(palette)
    sky, blue, foam = int(rng.integers(families)), int(rng.integers(families)), np.clip(sheet * 1.04, 0, 1)
    grade = (1 - y / tall) ** between(rng, 1, 3)
    rgb = mix(
        np.broadcast_to(sheet, (*shape, 3)),
        palette.colour(sky, between(rng, 0.3, 0.8)),
        between(rng, 0.4, 0.95) * grade,
    )
    ink = palette.colour(blue, 0.0) * 0.7
    pixel = np.float32(1.2 / unit)
    if rng.random() < 0.6:  # the sun
        distance = np.hypot(x - wide * between(rng, 0.2, 0.8), y - tall * between(rng, 0.15, 0.3))
        rgb = mix(
            rgb,
            palette.colour(int(rng.integers(families)), 0.55),
            ramp(between(rng, 0.06, 0.13) - distance, -pixel, pixel),
        )
    top, centre, steep = tall * between(rng, 0.3, 0.45), wide * between(rng, 0.25, 0.75), between(rng, 0.9, 1.6)
    rim = y - (top + 0.04 + np.sqrt((x - np.float32(centre)) ** 2 + 0.0025) / steep)
    body = ramp(rim, -pixel, pixel)
    rgb = mix(rgb, palette.colour(int(rng.integers(families)), 0.3), body)
    snow = body * ramp(top + 0.13 + 0.05 * np.sin(x * 45) + 0.02 * np.sin(x * 97) - y, -pixel, pixel)
    rgb = mix(rgb, np.broadcast_to(foam, rgb.shape), snow)
    rgb = mix(rgb, ink, 0.8 * ramp(0.004 - np.abs(rim), -pixel, pixel))
    layers, stripe = int(rng.integers(4, 8)), between(rng, 26, 55)
    for layer in range(layers):
        share = layer / (layers - 1)
        length, high = between(rng, 0.25, 0.45) * (0.7 + 0.9 * share), between(rng, 0.035, 0.07) * (0.8 + 1.5 * share)
        phase = (x + 0.12 * (noise(rng, shape, 2, 1) - 0.5)) / length + rng.random()
        lean = phase + 0.10 * np.sin(2 * np.pi * phase)
        crest = tall * (0.52 + 0.42 * share) - high * (
            1.6 * (1 - np.abs(np.sin(np.pi * lean))) ** 1.4 + 0.3 * np.sin(4.4 * phase)
        )
        claw = (
            0.014
            * (0.5 + share)
            * np.abs(np.sin(2 * np.pi * phase * int(rng.integers(4, 7)) + 9 * noise(rng, shape, 6, 1)))
        )
        depth = y - crest
        body = ramp(depth, -pixel, pixel)
        bands = np.abs((depth * stripe * (1 + 0.2 * np.sin(2 * np.pi * phase))) % 1.0 - 0.5)
        water = palette.colour(
            blue + (layer % 2 if families > 3 else 0),
            np.clip(0.75 - 0.5 * np.round(np.clip(depth * 4.5, 0, 1) * 3) / 3, 0, 1),
        )
        water = mix(
            water, np.broadcast_to(palette.colour(blue, 0.1), water.shape), 0.85 * ramp(0.17 - bands, -0.08, 0.08)
        )
        rgb = mix(rgb, water, body)
        white = ramp(0.018 + claw - depth, -pixel, pixel) * body
        rgb = mix(rgb, np.broadcast_to(foam, rgb.shape), white)
        line = np.maximum(
            ramp(0.003 - np.abs(depth), -pixel, pixel), ramp(0.0025 - np.abs(depth - 0.018 - claw), -pixel, pixel)
        )
        rgb = mix(rgb, np.broadcast_to(ink, rgb.shape), 0.85 * line)
        spray = noise(rng, shape, 60, 1)
        rgb = mix(
            rgb,
            np.broadcast_to(foam, rgb.shape),
            ramp(spray, 0.8, 0.86) * ramp(0.07 - np.abs(depth + 0.05), 0, 0.05) * 0.9,
        )
    wood = along(noise(rng, shape, 70, 1), np.full(shape, 0.03, np.float32), 0.4 * unit)
    return rgb * (1 + 0.018 * wood[..., None])


def sumi(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Ink wash: mountains that dissolve in mist, bamboo or reeds in front, one red seal."""
    unit = min(shape)
    x, y = axes(shape)
    tall, wide = shape[0] / unit, shape[1] / unit
    sheet = paper(rng, 0.25)
    ink = mix(np.full(3, 0.06, np.float32), palette.colour(0, 0.1), between(rng, 0, 0.9))
    density = np.zeros(shape, np.float32)
    layers = int(rng.integers(3, 6))
    for layer in range(layers):
        share = layer / layers
        rough = between(rng, 0.2, 0.4) * (1 - 0.3 * share)
        peaks = noise(rng, (1, shape[1]) if shape[1] >= unit else shape, 2, 1)[:1] if False else None
        line = ridge(rng, tall * (0.25 + 0.55 * share), rough * 0.3)
        level = np.interp(x[0] / wide, [p[0] for p in line], [p[1] for p in line]).astype(np.float32)[None]
        level = level + 0.05 * (noise(rng, shape, 9, 4, 0.6) - 0.5)
        del peaks
        depth = y - level
        fade = between(rng, 0.12, 0.3)
        wash = ramp(depth, 0, 0.006) * np.exp(-np.clip(depth, 0, None) / fade)
        rock = 0.6 + 0.8 * noise(rng, shape, 10, 4, 0.65)
        density = np.maximum(density * (1 - 0.75 * ramp(depth, 0, 0.01)), wash * rock * (0.3 + 0.7 * share))
    rgb = mix(np.broadcast_to(sheet, (*shape, 3)), np.broadcast_to(ink, (*shape, 3)), np.clip(density * 0.85, 0, 0.95))
    canvas = Canvas(shape, rgb)
    black = np.asarray(ink) * 0.7
    for _ in range(int(rng.integers(0, 4))):  # bamboo canes with leaves
        foot, lean, girth = wide * rng.random(), between(rng, -0.12, 0.12), between(rng, 0.012, 0.026)
        joints = np.arange(9) / 8
        cx, cy = foot + lean * joints, tall * (1.05 - 0.95 * joints)
        canvas.strokes(
            cx,
            cy,
            np.full(9, -1.57 + lean),
            0.115 * tall,
            girth,
            np.broadcast_to(black, (9, 3)) + 0.25 * rng.random((9, 1)),
            np.full(9, 0.5),
            0.0,
            "square",
        )
        count = int(rng.integers(12, 40))
        joint = rng.integers(2, 9, count)
        turn = between(rng, 0.2, 0.9) + 0.9 * (rng.random(count) - 0.5) + np.where(rng.random(count) < 0.4, 1.9, 0)
        size = 0.06 + 0.09 * rng.random(count)
        canvas.strokes(
            cx[joint] + 0.4 * size * np.cos(turn),
            cy[joint] + 0.4 * size * np.sin(turn),
            turn,
            size,
            size * 0.17,
            np.broadcast_to(black, (count, 3)) + 0.35 * rng.random((count, 1)),
            np.full(count, 0.5),
            0.2,
            "taper",
        )
    if rng.random() < 0.8:
        red = oklch_to_rgb(np.array(0.52), np.array(0.19), np.array(between(rng, 15, 45)))
        sx, sy = wide * between(rng, 0.82, 0.93), tall * between(rng, 0.06, 0.2)
        canvas.strokes(
            np.array([sx]), np.array([sy]), np.array([0.0]), 0.06, 0.06, red[None], np.array([0.5]), 0.0, "square"
        )
        marks = rng.random((6, 2)) * 0.04 - 0.02
        canvas.strokes(
            sx + marks[:, 0],
            sy + marks[:, 1],
            np.where(rng.random(6) < 0.5, 0, 1.57),
            0.022,
            0.006,
            np.broadcast_to(sheet, (6, 3)),
            np.full(6, 0.5),
        )
    rgb, _ = canvas.read()
    return rgb + 0.035 * (grain(rng, shape, 1.5) + 0.6 * (noise(rng, shape, 40, 2) - 0.5))[..., None]
