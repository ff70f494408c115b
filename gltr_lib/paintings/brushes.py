"""Painted with a loaded brush: impasto, palette knife, night sky, pointillism, pastel, action painting."""

from __future__ import annotations

import numpy as np

from gltr_lib.paintings.palette import Palette, paper
from gltr_lib.paintings.scenes import compose
from gltr_lib.paintings.tools import (
    Canvas,
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
    scatter,
    slope,
)


def _brush_pass(
    canvas: Canvas,
    rng: np.random.Generator,
    colours: np.ndarray,
    angle: np.ndarray,
    width: float,
    slim: float,
    keep: np.ndarray | None = None,
    vary: float = 0.1,
    ends: str = "round",
) -> None:
    """One pass of strokes `width` wide and `slim` times as long, coloured by what lies under their centres."""
    x, y = scatter(rng, canvas.shape, width * slim**0.5 * 0.72)
    if keep is not None:
        chosen = at(keep, x, y) > rng.random(x.size)
        x, y = x[chosen], y[chosen]
    if not x.size:
        return
    count = x.size
    shade = 1 + vary * (2 * rng.random((count, 1)) - 1) + 0.4 * vary * (2 * rng.random((count, 3)) - 1)
    turn = at(angle, x, y) + 0.35 * (rng.random(count) - 0.5)
    size = 0.7 + 0.6 * rng.random(count)
    lift = 0.25 + 0.7 * rng.random(count)
    bend = 0.5 * (rng.random(count) - 0.5)
    canvas.strokes(x, y, turn, width * slim * size, width * size, at(colours, x, y) * shade, lift, bend, ends)


def _oil(rng: np.random.Generator, canvas: Canvas, angle: np.ndarray, bristle: float, strength: float) -> np.ndarray:
    """Turn strokes into paint: bristle furrows in colour and height, lit from one side."""
    rgb, height = canvas.read()
    unit = min(canvas.shape)
    hairs = along(fork(rng).random(canvas.shape, dtype=np.float32), angle, 0.07 * unit)
    rgb = np.clip(rgb + (bristle * 0.035 * hairs)[..., None], 0, 1)
    return relief(rgb, height * 0.5 + bristle * 0.055 * hairs, strength, between(rng, 0, 6.28))


def impasto(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Thick oil: broad strokes first, then finer ones where the drawing needs them."""
    scene = compose(rng, shape, palette)
    colours, scale = scene.colours(palette), log_between(rng, 0.7, 1.7)
    canvas = Canvas(shape, colours.mean((0, 1)))
    slim, vary = between(rng, 2.0, 4.5), between(rng, 0.05, 0.22)
    gx, gy = slope(scene.tone)
    contour = blur(edges(scene.family), 0.006 * min(shape)) * 2.5
    detail = np.clip(np.abs(gx) * 6 + np.abs(gy) * 6 + contour, 0.12, 1)
    _brush_pass(canvas, rng, colours, scene.angle, 0.065 * scale, slim, None, vary)
    _brush_pass(canvas, rng, colours, scene.angle, 0.032 * scale, slim, detail + 0.35, vary)
    _brush_pass(canvas, rng, colours, scene.angle, 0.015 * min(scale, 1.2), 0.8 * slim, detail * 1.5, 0.7 * vary)
    _brush_pass(canvas, rng, colours, scene.angle, 0.011, 2.0, contour, 0.5 * vary)
    return _oil(rng, canvas, scene.angle, between(rng, 0.4, 1.2), between(rng, 0.5, 1.4))


def palette_knife(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """An oil landscape in slabs: hard-edged planes of paint pulled across one another."""
    scene = compose(rng, shape, palette, ("hills", "sea", "village", "forest", "shapes"))
    colours, scale = scene.colours(palette), log_between(rng, 0.7, 1.6)
    angle = np.round((0.35 * scene.angle + between(rng, -0.5, 0.5)) / 0.3) * 0.3
    contour = blur(edges(scene.family), 0.01 * min(shape)) * 2
    canvas = Canvas(shape, colours.mean((0, 1)))
    _brush_pass(canvas, rng, colours, angle, 0.10 * scale, 1.8, None, 0.16, "square")
    _brush_pass(canvas, rng, colours, angle, 0.045 * scale, 2.6, np.full(shape, 0.7, np.float32), 0.2, "square")
    _brush_pass(canvas, rng, colours, angle, 0.02 * scale, 3.0, 0.2 + contour, 0.2, "square")
    rgb = _oil(rng, canvas, angle, between(rng, 0.2, 0.7), between(rng, 1.2, 2.4))
    return rgb


def night_sky(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Swirling strokes around lights in the sky, dark hills and now and then a flame-like tree or lit windows."""
    x, y = axes(shape)
    wide, tall = shape[1] / min(shape), shape[0] / min(shape)
    families, land_level = len(palette), between(rng, 0.6, 0.88)
    skyline = land_level * tall + between(rng, 0.08, 0.3) * (noise(rng, shape, 2.2, 3) - 0.5)
    angle = 0.4 * np.sin(between(rng, 2, 7) * x + 6.28 * rng.random()) + 1.8 * (noise(rng, shape, 2, 2) - 0.5)
    tone = 0.2 + 0.4 * noise(rng, shape, 4, 3) + between(rng, -0.15, 0.25) * y / tall
    one, other = (int(v) for v in rng.integers(0, families, 2))
    family: np.ndarray = np.where(noise(rng, shape, 3, 2) > 0.58, one, other)
    glow_family, ring = int(rng.integers(families)), between(rng, 30, 70)
    lights = []
    for index in range(int(rng.integers(3, 12))):
        cx, cy = wide * rng.random(), (land_level - 0.1) * tall * rng.random()
        size = between(rng, 0.12, 0.24) if index == 0 else between(rng, 0.035, 0.1)
        lights.append((cx, cy, size))
        dx, dy = x - np.float32(cx), y - np.float32(cy)
        distance = np.sqrt(dx * dx + dy * dy)
        near = np.exp(-((distance / size) ** 2))
        swirl = np.arctan2(dy, dx) + (1.75 if index % 3 else 1.35)
        weight = np.clip(1.6 * np.exp(-((distance / (1.7 * size)) ** 2)), 0, 1)
        angle = angle + weight * (((swirl - angle + np.pi / 2) % np.pi) - np.pi / 2)
        tone = tone + near * (0.6 + 0.2 * np.sin(ring * distance))
        family = np.where(near > 0.35, glow_family, family)
    land = y > skyline
    angle = np.where(land, 0.5 * np.sin(7 * x) + 0.4, angle)
    tone = np.where(land, 0.1 + 0.3 * noise(rng, shape, 7, 3), tone)
    family = np.where(land, int(rng.integers(families)), family)
    if rng.random() < 0.5:
        trunk, grow = wide * rng.random(), between(rng, 0.05, 0.4)
        flame = np.abs(x - trunk - 0.03 * np.sin(9 * y)) < 0.11 * np.clip(y / tall - grow, 0, 1) ** 0.7
        angle = np.where(flame, 1.5 + 0.4 * np.sin(14 * y), angle)
        tone = np.where(flame, 0.02 + 0.25 * noise(rng, shape, 9, 2), tone)
        family = np.where(flame, int(rng.integers(families)), family)
    colours = palette.colour(family, np.clip(tone, 0, 1))
    canvas, scale, vary = Canvas(shape, colours.mean((0, 1))), log_between(rng, 0.75, 1.6), between(rng, 0.12, 0.28)
    _brush_pass(canvas, rng, colours, angle, 0.036 * scale, 4.0, None, vary)
    _brush_pass(canvas, rng, colours, angle, 0.018 * scale, 4.5, None, vary)
    for cx, cy, size in lights:  # the light itself, dabbed on last
        for share, light in ((0.55, 0.9), (0.3, 1.0)):
            spot = palette.colour(glow_family, light)[None]
            canvas.strokes(
                np.array([cx]), np.array([cy]), np.zeros(1), size * share, size * share, spot, np.ones(1), 0.0, "dot"
            )
    count = int(rng.integers(0, 40))
    px, py = wide * rng.random(count), tall * (land_level + 0.02 + 0.2 * rng.random(count) ** 2)
    lit = palette.colour(np.full(count, glow_family), 0.7 + 0.3 * rng.random(count))
    canvas.strokes(px, py, np.full(count, 1.57), 0.016, 0.011, lit, np.full(count, 0.8), 0.0, "square")
    return _oil(rng, canvas, angle, between(rng, 0.5, 1.2), between(rng, 0.5, 1.3))


def pointillism(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Dots of unmixed colour: neighbours in hue and, here and there, the complement."""
    scene = compose(rng, shape, palette)
    x, y = axes(shape)
    rgb = np.broadcast_to(
        mix(paper(rng), palette.colour(int(rng.integers(len(palette))), 0.5), between(rng, 0, 0.7)), (*shape, 3)
    )
    dots = log_between(rng, 22, 70)
    stray, lively = between(rng, 0.1, 0.4), between(rng, 0.25, 0.55)
    pixel = dots / min(shape)
    for layer in range(6):
        child = fork(rng)
        angle = 6.28 * rng.random()
        count = dots * (1 + 0.06 * layer)
        u = (x * np.cos(angle) - y * np.sin(angle)) * count + 64 * rng.random()
        v = (x * np.sin(angle) + y * np.cos(angle)) * count + 64 * rng.random()
        column, row = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
        index = (row & 127) * 128 + (column & 127)
        table = child.random((5, 128 * 128), dtype=np.float32)
        du, dv = u - column - (0.4 + 0.2 * table[0][index]), v - row - (0.4 + 0.2 * table[1][index])
        cu, cv = column + 0.5 - u, row + 0.5 - v  # from this pixel to its dot's centre, where the colour is read
        px = x + (cu * np.cos(angle) + cv * np.sin(angle)) / count
        py = y + (-cu * np.sin(angle) + cv * np.cos(angle)) / count
        tone = at(scene.tone, px, py) + lively * (table[2][index] - 0.5)
        family = at(scene.family, px, py) + np.where(table[3][index] < stray, 1 + layer, 0)
        radius = 0.30 + 0.16 * table[4][index]
        cover = ramp(radius - np.sqrt(du * du + dv * dv), -0.6 * pixel, 0.6 * pixel)
        rgb = mix(rgb, palette.colour(family, np.clip(tone, 0, 1)), cover)
    return rgb


def pastel(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Chalk dragged over toothed, toned paper that shows through."""
    scene = compose(rng, shape, palette)
    ground = paper(rng, 0.7) * (1 if rng.random() < 0.7 else 0.35)
    unit = min(shape)
    tooth = noise(rng, shape, between(rng, 60, 110), 2) - 0.5 + 0.3 * grain(rng, shape)
    drag = along(fork(rng).random(shape, dtype=np.float32), scene.angle, 0.12 * unit)
    pressure = 0.35 + 0.9 * np.abs(scene.tone - float(ground.mean())) + 0.5 * (noise(rng, shape, 5, 2) - 0.5)
    cover = ramp(pressure + 0.2 * drag - 0.8 * tooth, 0.05, 0.7)
    chalk = palette.colour(scene.family, np.clip(scene.tone + 0.08 * drag, 0, 1))
    return mix(np.broadcast_to(ground, (*shape, 3)), chalk, cover) + (0.05 * tooth)[..., None]


def action(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Paint dripped and flung in layers: looping lines that thin out, splashes and speckles."""
    wide, tall = shape[1] / min(shape), shape[0] / min(shape)
    ground = mix(paper(rng), palette.colour(0, between(rng, 0, 1)), between(rng, 0, 1))
    stain = palette.colour(int(rng.integers(len(palette))), between(rng, 0, 1))
    soaked = ramp(noise(rng, shape, 3, 4, 0.6), 0.45, 0.62) * between(rng, 0, 0.8)
    canvas = Canvas(shape, mix(np.broadcast_to(ground, (*shape, 3)), stain, soaked))
    scale, steps = log_between(rng, 0.5, 1.7), 44
    few = palette.pick(rng, int(rng.integers(3, 7)), 0.0, 1.0)
    for _ in range(int(between(rng, 26, 60) / scale**0.7)):
        child = fork(rng)
        place = np.arange(steps) / steps
        curl = sum(
            between(child, -0.35, 0.35) * np.sin(6.28 * (turns * place + child.random())) for turns in (0.4, 1.3, 3.1)
        )
        heading = 6.28 * child.random() + np.cumsum(curl + between(child, -0.08, 0.08))
        pace = between(child, 0.014, 0.045)
        px = wide * between(child, -0.1, 1.1) + np.cumsum(pace * np.cos(heading))
        py = tall * between(child, -0.1, 1.1) + np.cumsum(pace * np.sin(heading))
        swell = 0.35 + np.abs(np.sin(np.arange(steps) * between(child, 0.05, 0.35) + 3 * child.random()))
        thick = 0.009 * scale * log_between(child, 0.2, 2.2) * swell
        colour = few[int(child.integers(len(few)))][None]
        lift = between(child, 0.4, 0.95)
        canvas.strokes(px, py, heading, 1.9 * pace, thick, np.repeat(colour, steps, 0), np.full(steps, lift))
        count = int(child.integers(5, 36))  # the drops that the line throws off
        near, away = child.integers(0, steps, count), 0.16 * (child.random((2, count)) - 0.5)
        size = 0.004 + 0.028 * scale * child.random(count) ** 5
        x, y, turn = px[near] + away[0], py[near] + away[1], child.random(count) * 3
        drop = np.repeat(colour, count, 0)
        canvas.strokes(x, y, turn, size * 1.2, size, drop, np.full(count, lift), 0.0, "dot")
    rgb, height = canvas.read()
    return relief(rgb, height + 0.2 * grain(rng, shape, 2.0), between(rng, 0.5, 1.3), between(rng, 0, 6.28))
