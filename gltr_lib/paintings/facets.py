"""Built from pieces: stained glass, mosaic, cubist facets, neoplastic grids, orphist discs."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from gltr_lib.paintings.palette import Palette, paper
from gltr_lib.paintings.scenes import compose
from gltr_lib.paintings.tools import (
    Shape,
    along,
    at,
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
    relief,
)


def stained_glass(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Panes held by dark lead, brighter in the middle of the window; every third one is a rose window."""
    scene = compose(rng, shape, palette)
    x, y = axes(shape)
    wide, tall = shape[1] / min(shape), shape[0] / min(shape)
    count, jitter = log_between(rng, 6, 17), between(rng, 0.5, 0.95)
    dx, dy = x - wide / 2, y - tall / 2
    radius = np.sqrt(dx * dx + dy * dy)
    if rng.random() < 0.35:
        sectors = int(rng.integers(8, 19))
        turn = (np.arctan2(dy, dx) / (2 * np.pi) + 0.5) * sectors
        rings = radius * between(rng, 8, 16)
        ring = np.floor(rings)
        fold = turn * np.maximum(1, np.floor((ring + 2) / 3)) + 0.5 * (ring % 2)
        pane = np.floor(fold)
        border = np.minimum(
            np.abs(rings - np.round(rings)), np.abs(fold - np.round(fold)) * np.maximum(radius, 0.02) * 40 / sectors
        )
        identity = (pane.astype(np.int64) * 37 + ring.astype(np.int64) * 101) & 4095
        repeat = int(rng.integers(1, 4))
        table = fork(rng).random((2, 4096), dtype=np.float32)
        key = ((pane.astype(np.int64) % repeat) * 37 + ring.astype(np.int64) * 101) & 4095
        family, tone = (table[0][key] * len(palette)).astype(np.intp), 0.35 + 0.6 * table[1][key]
        lead = 0.11
    else:
        warp = between(rng, 0, 0.12)
        first, second, cx, cy, identity = cells(
            rng, x + warp * (noise(rng, shape, 4, 2) - 0.5), y + warp * (noise(rng, shape, 4, 2) - 0.5), count, jitter
        )
        border = second - first
        family, tone = at(scene.family, cx, cy), at(scene.tone, cx, cy)
        lead = between(rng, 0.05, 0.12)
    table = fork(rng).random(4096, dtype=np.float32)
    glass = tone + 0.3 * (table[identity] - 0.5) + 0.22 * (noise(rng, shape, 14, 3) - 0.5)
    glow = 1.12 - between(rng, 0.1, 0.9) * radius**2
    rgb = palette.colour(family, np.clip(glass, 0, 1)) * glow[..., None]
    pixel = count / min(shape)
    cover = ramp(lead - border, -0.7 * pixel, 0.7 * pixel)
    metal = (0.06 + 0.1 * noise(rng, shape, 30, 2))[..., None] * np.array([1.0, 1.0, 1.08], np.float32)
    rgb = rgb * (1 - 0.35 * ramp(2.2 * lead - border, 0, 1.4 * lead))[..., None]
    return relief(mix(rgb, metal, cover), cover, 0.35, 0.8)


def mosaic(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Tesserae set in mortar, each of one colour and tilted its own way to the light."""
    scene = compose(rng, shape, palette)
    x, y = axes(shape)
    count, square = log_between(rng, 17, 42), bool(rng.random() < 0.7)
    angle, bow = between(rng, 0, 3.14), between(rng, 0, 0.12)
    wave = bow * (noise(rng, shape, 2, 1) - 0.5)
    u = x * np.cos(angle) - y * np.sin(angle) + wave + 3
    v = x * np.sin(angle) + y * np.cos(angle) - wave + 3
    first, second, cu, cv, identity = cells(rng, u, v, count, between(rng, 0.1, 0.45) if square else 0.8, square)
    cu, cv = cu - 3 - wave, cv - 3 + wave
    cx, cy = cu * np.cos(angle) + cv * np.sin(angle), -cu * np.sin(angle) + cv * np.cos(angle)
    table = fork(rng).random((3, 4096), dtype=np.float32)
    tone = at(scene.tone, cx, cy) + between(rng, 0.1, 0.35) * (table[0][identity] - 0.5)
    stray = np.where(table[1][identity] < 0.06, 1, 0)
    rgb = palette.colour(at(scene.family, cx, cy) + stray, np.clip(tone, 0, 1))
    tilt = (u - cu - wave - 3) * (table[2][identity] - 0.5) * count
    pixel, joint = count / min(shape), between(rng, 0.06, 0.16)
    border = second - first
    tile = ramp(border - joint, -0.7 * pixel, 0.7 * pixel)
    mortar = palette.colour(int(rng.integers(len(palette))), between(rng, 0, 1)) * between(rng, 0.5, 1)
    rgb = rgb * (1 + 0.25 * tilt)[..., None] + 0.05 * grain(rng, shape)[..., None]
    ground = np.broadcast_to(mortar, rgb.shape) * (0.85 + 0.3 * noise(rng, shape, 50, 1))[..., None]
    return relief(mix(ground, rgb, tile), blur(tile, 0.7), between(rng, 0.3, 0.8), between(rng, 0, 6.28))


def cubist(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """A subject broken into overlapping planes, each shaded from one of its edges."""
    scene = compose(rng, shape, palette, ("still_life", "portrait", "village", "shapes", "bouquet"))
    height, width = shape
    unit = min(shape)
    x, y = axes(shape)
    planes = int(rng.integers(40, 130))
    sheet = Image.new("I", (width, height), 0)
    draw = ImageDraw.Draw(sheet)
    centre = rng.random((planes + 1, 2)) * [width / unit, height / unit]
    turn = rng.random(planes + 1) * 6.28
    size = 0.07 + 0.26 * rng.random(planes + 1) ** 2
    favoured = between(rng, 0, 1.57)  # cubists favour a few directions
    turn = np.where(rng.random(planes + 1) < 0.7, favoured + np.round(turn / 0.785) * 0.785, turn)
    for index in range(1, planes + 1):
        corners = int(rng.integers(3, 6))
        around = turn[index] + (np.arange(corners) + 0.5 * rng.random(corners)) * (6.28 / corners)
        reach = size[index] * (0.6 + 0.7 * rng.random(corners))
        points = (
            np.stack([centre[index, 0] + reach * np.cos(around), centre[index, 1] + reach * np.sin(around)], 1) * unit
        )
        draw.polygon(points.ravel().tolist(), fill=index)
    plane = np.asarray(sheet).astype(np.intp)
    middle_x, middle_y = centre[plane, 0].astype(np.float32), centre[plane, 1].astype(np.float32)
    across = (x - middle_x) * np.cos(turn)[plane] + (y - middle_y) * np.sin(turn)[plane]
    shade = np.clip(across / size[plane], -1, 1) * between(rng, 0.2, 0.42)
    shift = 0.10 * (fork(rng).random((planes + 1, 2)) - 0.5)
    px, py = x + shift[plane, 0], y + shift[plane, 1]  # each plane sees the subject from its own place
    share = between(rng, 0.3, 0.9)
    tone = share * at(scene.tone, px, py) + (1 - share) * fork(rng).random(planes + 1)[plane] + shade
    family = at(scene.family, px, py) + np.where(fork(rng).random(planes + 1)[plane] < 0.25, 1, 0)
    rgb = palette.colour(family, np.clip(tone, 0, 1).astype(np.float32))
    line = np.clip(blur(np.maximum(edges(plane), 0.6 * edges(at(scene.family, px, py))), 0.0022 * unit) * 1.8, 0, 1)
    rgb = mix(rgb, np.broadcast_to(palette.colour(0, 0.0) * 0.6, rgb.shape), line * between(rng, 0.3, 0.9))
    hairs = along(fork(rng).random(shape, dtype=np.float32), turn[plane].astype(np.float32), 0.06 * unit)
    return rgb * (1 + between(rng, 0.02, 0.09) * hairs[..., None])


def neoplastic(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Upright rectangles: black bars with a few primaries, coloured lanes, or a quilt of tints."""
    height, width = shape
    unit = min(shape)
    style = int(rng.integers(3))
    boxes = [(0.0, 0.0, width / unit, height / unit)]
    target = int(rng.integers(7, 26)) if style == 0 else int(rng.integers(20, 90))
    while len(boxes) < target:
        areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in boxes]
        index = areas.index(max(areas)) if rng.random() < 0.75 else int(rng.integers(len(boxes)))
        x0, y0, x1, y1 = boxes[index]
        cut = between(rng, 0.25, 0.75)
        upright = (x1 - x0) > (y1 - y0) * between(rng, 0.6, 1.6)
        if max(x1 - x0, y1 - y0) < 0.07:
            target -= 1
            continue
        at_x, at_y = x0 + cut * (x1 - x0), y0 + cut * (y1 - y0)
        boxes[index] = (x0, y0, at_x, y1) if upright else (x0, y0, x1, at_y)
        boxes.append((at_x, y0, x1, y1) if upright else (x0, at_y, x1, y1))
    over = 2
    ground = paper(rng, 0.15)
    ink = palette.colour(0, 0.0) * 0.5
    sheet = Image.new("RGB", (width * over, height * over), tuple(int(255 * v) for v in ground))
    draw = ImageDraw.Draw(sheet)
    bar = between(rng, 0.008, 0.032) if style != 2 else between(rng, 0.0, 0.012)
    scale = unit * over
    for x0, y0, x1, y1 in boxes:
        colour = palette.pick(rng, 1, 0.25, 1.0)[0]
        if style == 0 and rng.random() < 0.55:
            colour = ground * between(rng, 0.93, 1.0)
        fill = tuple(int(255 * min(float(v), 1.0)) for v in colour)
        outline = tuple(int(255 * float(v)) for v in ink)
        draw.rectangle(
            (x0 * scale, y0 * scale, x1 * scale, y1 * scale), fill=fill, outline=outline if bar else None,
            width=int(bar * scale / 2),
        )  # fmt: skip
        if style == 1:  # lanes of small squares, as in the New York pictures
            step = between(rng, 0.02, 0.035)
            for place in np.arange(x0, x1, step).tolist():
                spot = tuple(int(255 * float(v)) for v in palette.pick(rng, 1, 0.3, 1.0)[0])
                draw.rectangle(
                    (place * scale, y0 * scale, (place + step * 0.95) * scale, (y0 + step) * scale), fill=spot
                )
    rgb = np.asarray(sheet.reduce(over), dtype=np.float32) / 255
    rgb = rgb * (1 + 0.05 * (noise(rng, shape, 30, 3) - 0.5) + 0.05 * grain(rng, shape))[..., None]
    hairs = along(
        fork(rng).random(shape, dtype=np.float32), np.full(shape, 1.57 * int(rng.integers(2)), np.float32), 0.05 * unit
    )
    return np.clip(rgb + 0.015 * hairs[..., None], 0, 1)


def orphism(rng: np.random.Generator, palette: Palette, shape: Shape) -> np.ndarray:
    """Concentric discs cut into sectors of contrasting colour, alone or in a grid of squares."""
    x, y = axes(shape)
    wide, tall = shape[1] / min(shape), shape[0] / min(shape)
    rgb = palette.colour(np.full(shape, int(rng.integers(len(palette)))), 0.3 + 0.6 * noise(rng, shape, 3, 3))
    grid = rng.random() < 0.45
    columns = int(rng.integers(3, 6))
    cell = 1.0 / columns
    if grid:
        places = [
            ((i + 0.5) * cell, (j + 0.5) * cell, cell * 0.72)
            for j in range(int(tall * columns + 0.99))
            for i in range(int(wide * columns + 0.99))
        ]
    else:
        places = [
            (wide * rng.random(), tall * rng.random(), log_between(rng, 0.12, 0.5))
            for _ in range(int(rng.integers(4, 10)))
        ]
    stir = between(rng, 0.002, 0.022) * (noise(rng, shape, 7, 3) - 0.5)
    unit = min(shape)
    for cx, cy, size in places:
        reach = 0.5 * cell if grid else size * 1.05
        top, bottom = max(0, int((cy - reach) * unit)), min(shape[0], int((cy + reach) * unit + 1))
        left, right = max(0, int((cx - reach) * unit)), min(shape[1], int((cx + reach) * unit + 1))
        if top >= bottom or left >= right:
            continue
        window = np.s_[top:bottom, left:right]
        dx, dy = x[window] - np.float32(cx), y[window] - np.float32(cy)
        rings, sectors = int(rng.integers(3, 8)), int(rng.choice([1, 1, 2, 4, 4, 8]))
        table = palette.pick(fork(rng), (rings + 2) * 8, 0.05, 1.0).reshape(rings + 2, 8, 3)
        distance = (np.sqrt(dx * dx + dy * dy) + stir[window]) / size * rings
        sector = ((np.arctan2(dy, dx) / 6.2832 + 0.5) * sectors).astype(np.intp) % 8
        ring = np.clip(distance, 0, rings + 1).astype(np.intp)
        part = ramp(distance - ring, 0, 0.02 * rings + rings / (size * unit))[..., None]
        disc = table[np.maximum(ring - 1, 0), sector] * (1 - part) + table[ring, sector] * part
        inside = np.ones_like(distance) if grid else ramp(rings - distance, 0, rings / (size * unit))
        rgb[window] = mix(rgb[window], disc, inside * (1.0 if grid else between(rng, 0.75, 1.0)))
    hairs = along(fork(rng).random(shape, dtype=np.float32), 6.0 * noise(rng, shape, 3, 1), 0.07 * unit)
    rgb = rgb * (1 + between(rng, 0.02, 0.08) * hairs)[..., None]
    return rgb * (0.93 + 0.14 * noise(rng, shape, 18, 3))[..., None]
