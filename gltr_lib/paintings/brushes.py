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
    detail = np.clip(np.abs(gx) * 6 + np.abs(gy) * 6, 0.15, 1)
    _brush_pass(canvas, rng, colours, scene.angle, 0.065 * scale, slim, None, vary)
    _brush_pass(canvas, rng, colours, scene.angle, 0.032 * scale, slim, detail + 0.35, vary)
    _brush_pass(canvas, rng, colours, scene.angle, 0.016 * scale, slim * 0.9, detail * 0.9, vary)
    return _oil(rng, canvas, scene.angle, between(rng, 0.6, 1.6), between(rng, 0.6, 1.6))


def palette_knife(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """An oil landscape in slabs: hard-edged planes of paint pulled across one another."""
    scene = compose(rng, shape, palette, ("hills", "sea", "village", "forest", "shapes"))
    colours, scale = scene.colours(palette), log_between(rng, 0.7, 1.6)
    angle = np.round(scene.angle / 0.4) * 0.4
    canvas = Canvas(shape, colours.mean((0, 1)))
    _brush_pass(canvas, rng, colours, angle, 0.10 * scale, 1.8, None, 0.16, "square")
    _brush_pass(canvas, rng, colours, angle, 0.045 * scale, 2.6, np.full(shape, 0.7, np.float32), 0.2, "square")
    _brush_pass(canvas, rng, colours, angle, 0.02 * scale, 3.5, np.full(shape, 0.25, np.float32), 0.3, "square")
    rgb = _oil(rng, canvas, angle, between(rng, 0.2, 0.7), between(rng, 1.2, 2.4))
    return rgb


def night_sky(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Swirling strokes around lights in the sky, dark hills and a flame-like tree below."""
    x, y = axes(shape)
    wide, tall = shape[1] / min(shape), shape[0] / min(shape)
    skyline = 0.72 * tall + 0.16 * (noise(rng, shape, 2.2, 3) - 0.5)
    angle = 0.3 * np.sin(5 * x + 6.28 * rng.random()) + 1.5 * (noise(rng, shape, 2, 2) - 0.5)
    tone = 0.22 + 0.35 * noise(rng, shape, 4, 3) + 0.15 * y / tall
    family = np.zeros(shape, np.intp) + int(rng.integers(len(palette)))
    glow_family = int(rng.integers(len(palette)))
    ring = between(rng, 30, 70)
    for index in range(int(rng.integers(4, 12))):
        cx, cy = wide * rng.random(), 0.62 * tall * rng.random()
        size = between(rng, 0.12, 0.26) if index == 0 else between(rng, 0.04, 0.12)
        dx, dy = x - np.float32(cx), y - np.float32(cy)
        distance = np.sqrt(dx * dx + dy * dy)
        near = np.exp(-((distance / size) ** 2))
        swirl = np.arctan2(dy, dx) + (1.75 if index % 3 else 1.35)
        weight = np.clip(1.6 * np.exp(-((distance / (1.7 * size)) ** 2)), 0, 1)
        angle = angle + weight * (((swirl - angle + np.pi / 2) % np.pi) - np.pi / 2)
        tone = tone + near * (0.75 + 0.18 * np.sin(ring * distance))
        family = np.where(near > 0.35, glow_family, family)
    land = y > skyline
    angle = np.where(land, 0.5 * np.sin(7 * x) + 0.4, angle)
    tone = np.where(land, 0.12 + 0.25 * noise(rng, shape, 7, 3), tone)
    family = np.where(land, int(rng.integers(len(palette))), family)
    if rng.random() < 0.7:
        trunk = wide * between(rng, 0.08, 0.35)
        flame = np.abs(x - trunk - 0.03 * np.sin(9 * y)) < 0.11 * np.clip((y / tall - 0.15), 0, 1) ** 0.7
        angle, tone = (
            np.where(flame, 1.5 + 0.4 * np.sin(14 * y), angle),
            np.where(flame, 0.05 + 0.2 * noise(rng, shape, 9, 2), tone),
        )
        family = np.where(flame, int(rng.integers(len(palette))), family)
    colours = palette.colour(family, np.clip(tone, 0, 1))
    canvas, scale, vary = Canvas(shape, colours.mean((0, 1))), log_between(rng, 0.75, 1.5), between(rng, 0.12, 0.28)
    _brush_pass(canvas, rng, colours, angle, 0.036 * scale, 4.5, None, vary)
    _brush_pass(canvas, rng, colours, angle, 0.018 * scale, 5.0, None, vary)
    return _oil(rng, canvas, angle, between(rng, 0.7, 1.5), between(rng, 0.7, 1.5))


def pointillism(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Dots of unmixed colour: neighbours in hue and, here and there, the complement."""
    scene = compose(rng, shape, palette)
    x, y = axes(shape)
    rgb = np.broadcast_to(
        mix(paper(rng), palette.colour(int(rng.integers(len(palette))), 0.5), between(rng, 0, 0.7)), (*shape, 3)
    )
    dots = between(rng, 26, 75)
    stray, lively = between(rng, 0.05, 0.35), between(rng, 0.15, 0.4)
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
        cu, cv = (
            column - 64 * 0 + 0.5 - u,
            row + 0.5 - v,
        )  # from this pixel to its dot's centre, where the colour is read
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
    cover = ramp(pressure + 0.22 * drag - 0.9 * tooth, 0.25, 0.75)
    chalk = palette.colour(scene.family, np.clip(scene.tone + 0.08 * drag, 0, 1))
    return mix(np.broadcast_to(ground, (*shape, 3)), chalk, cover) + (0.05 * tooth)[..., None]


def action(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Paint dripped and flung: long looping lines of changing width, splashes and speckles."""
    ground = mix(paper(rng), palette.colour(0, between(rng, 0, 1)), between(rng, 0, 1))
    canvas = Canvas(shape, np.asarray(ground, np.float32))
    wide, tall = shape[1] / min(shape), shape[0] / min(shape)
    scale = log_between(rng, 0.6, 1.6)
    for _ in range(int(rng.integers(14, 34))):
        child, steps = fork(rng), 60
        heading = 6.28 * child.random() + np.cumsum(
            (child.random(steps) - 0.5) * between(child, 0.5, 1.6) + between(child, -0.15, 0.15)
        )
        pace = between(child, 0.012, 0.035)
        px = wide * child.random() + np.cumsum(pace * np.cos(heading))
        py = tall * child.random() + np.cumsum(pace * np.sin(heading))
        thick = (
            0.011
            * scale
            * between(child, 0.3, 1.4)
            * (0.4 + np.abs(np.sin(np.arange(steps) * between(child, 0.05, 0.4))))
        )
        colour = np.broadcast_to(palette.pick(child, 1), (steps, 3))
        canvas.strokes(px, py, heading, 1.7 * pace, thick, colour, np.full(steps, between(child, 0.4, 0.9)))
        count = int(child.integers(5, 30))  # the splashes that the line throws off
        near = child.integers(0, steps, count)
        away = 0.09 * (child.random((2, count)) - 0.5)
        size = 0.004 + 0.018 * scale * child.random(count) ** 4
        canvas.strokes(
            px[near] + away[0],
            py[near] + away[1],
            child.random(count) * 3,
            size,
            size,
            np.broadcast_to(colour[0], (count, 3)),
            np.full(count, 0.7),
            0.0,
            "dot",
        )
    rgb, height = canvas.read()
    weave = grain(rng, shape, 2.0)
    return relief(rgb, height + 0.2 * weave, between(rng, 0.5, 1.3), between(rng, 0, 6.28))
