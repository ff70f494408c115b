"""The painter's box: noise, cells, bristles, strokes, relief and grain.

Everything works on float32 arrays of one canvas and in units of the canvas's shorter side, so that a painting keeps its
composition at any size. Random numbers are uniform draws only (no transcendental function in the stream), thresholds
are soft over about one pixel: a last-bit difference between two machines therefore stays below one grey level.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Shape = tuple[int, int]


def fork(rng: np.random.Generator) -> np.random.Generator:
    """Return a child generator: how much it draws (it may depend on the size) leaves the parent alone."""
    return np.random.Generator(np.random.PCG64(int(rng.integers(2**32))))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw uniformly from [low, high)."""
    return float(low + (high - low) * rng.random())


def log_between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw log-uniformly from [low, high): every octave of scale is equally likely."""
    return float(low * (high / low) ** rng.random())


def axes(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x, y of the pixel centres in units of the shorter side, two float32 arrays of `shape`."""
    height, width = shape
    unit = min(shape)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x + 0.5) / unit, (y + 0.5) / unit


def ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Linear step: 0 below `low`, 1 above `high`."""
    return np.clip((value - low) / (high - low), 0, 1)


def mix(below: np.ndarray, above: np.ndarray, cover: np.ndarray | float) -> np.ndarray:
    """Lay `above` over `below` with the given cover, an (H, W) map or a number."""
    weight = cover[..., None] if isinstance(cover, np.ndarray) and cover.ndim == 2 else cover
    return below + (above - below) * weight


def noise(rng: np.random.Generator, shape: Shape, cells: float, octaves: int = 3, gain: float = 0.5) -> np.ndarray:
    """Smooth noise in [0, 1] around 0.5.

    Args:
        rng: numpy Generator.
        shape: (H, W).
        cells: lattice cells along the shorter side in the first octave.
        octaves: number of octaves, each twice as fine.
        gain: weight of an octave relative to the one before.

    Returns:
        float32 (H, W).
    """
    rng = fork(rng)
    height, width = shape
    unit = min(shape)
    total, weight, norm = np.zeros(shape, np.float32), 1.0, 0.0
    for octave in range(octaves):
        count = cells * 2**octave
        if count > unit and octave:
            break
        across, down = count * width / unit, count * height / unit
        grid = rng.random((int(down) + 5, int(across) + 5), dtype=np.float32)
        layer = Image.fromarray(grid).resize(
            (width, height), Image.Resampling.BICUBIC, box=(2.0, 2.0, 2.0 + across, 2.0 + down)
        )
        total += weight * (np.asarray(layer) - 0.5)
        norm += weight * weight
        weight *= gain
    return np.clip(0.5 + total * (1.15 / norm**0.5), 0, 1)


def grain(rng: np.random.Generator, shape: Shape, softness: float = 0.0) -> np.ndarray:
    """Paper or canvas tooth: pixel noise in [-0.5, 0.5], lightly blurred by `softness` in thousandths of a side."""
    raw = fork(rng).random(shape, dtype=np.float32) - 0.5
    return raw if softness <= 0 else blur(raw + 0.5, softness * min(shape) / 1000) * 2 - 1


def blur(field: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur of an (H, W) or (H, W, 3) array in [0, 1], to 8 bits of precision."""
    eight = Image.fromarray((np.clip(field, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(eight.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / 255


def along(field: np.ndarray, angle: np.ndarray, length: float) -> np.ndarray:
    """Comb a field along directions: averages over `length` pixels, by doubling, as bristles comb paint.

    A cheap cousin of line integral convolution (Cabral and Leedom 1993): log2 many look-ups instead of one a pixel.
    Returns float32 (H, W) with mean 0 and standard deviation 1.
    """
    height, width = field.shape
    dx, dy = np.cos(angle), np.sin(angle)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    step = length / 16
    for turn in range(4):
        shift = step * 2**turn * (1 if turn % 2 else -1)
        column = np.clip(x + shift * dx + 0.5, 0, width - 1).astype(np.intp)
        row = np.clip(y + shift * dy + 0.5, 0, height - 1).astype(np.intp)
        field = 0.5 * (field + field.ravel()[row * width + column])
    field = field - field.mean(dtype=np.float64).astype(np.float32)
    return field / (field.std(dtype=np.float64).astype(np.float32) + 1e-6)


def slope(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences d/dx, d/dy with repeated borders."""
    padded = np.pad(field, 1, mode="edge")
    return (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2, (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2


def relief(rgb: np.ndarray, height: np.ndarray, strength: float, angle: float) -> np.ndarray:
    """Light a paint surface from one side: slopes that face the light brighten, the others darken."""
    gx, gy = slope(height)
    shade = np.clip(strength * (gx * np.cos(angle) + gy * np.sin(angle)), -0.45, 0.45)[..., None]
    return rgb + np.where(shade > 0, (1 - rgb) * shade, rgb * shade)


def edges(label: np.ndarray) -> np.ndarray:
    """1.0 where a label map differs from its right or lower neighbour, else 0.0."""
    found = np.zeros(label.shape, np.float32)
    found[:, :-1] = label[:, 1:] != label[:, :-1]
    found[:-1] = np.maximum(found[:-1], label[1:] != label[:-1])
    return found


def cells(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, count: float, jitter: float = 0.8, square: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Partition the plane around one jittered point in each square of a lattice (Worley 1996).

    Args:
        rng: numpy Generator.
        x: float32 (H, W) coordinates (warp them for warped cells).
        y: likewise.
        count: lattice squares along a unit of length.
        jitter: 0 = a regular lattice, 1 = points anywhere in their square.
        square: measure distance by the larger coordinate (tiles) rather than by Euclid (pebbles).

    Returns:
        nearest and second-nearest distance (in lattice squares), centre x, centre y, and an integer id below 4096.
    """
    table = fork(rng).random((2, 64 * 64), dtype=np.float32)
    table = 0.5 + jitter * (table - 0.5)
    gx, gy = x * np.float32(count), y * np.float32(count)
    column, row = np.floor(gx).astype(np.int32), np.floor(gy).astype(np.int32)
    first = np.full(x.shape, 9.0, np.float32)
    second = first.copy()
    best_x, best_y, best = first.copy(), first.copy(), np.zeros(x.shape, np.int32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            cx, cy = column + right, row + down
            index = (cy & 63) * 64 + (cx & 63)
            px, py = cx + table[0][index], cy + table[1][index]
            dx, dy = np.abs(px - gx), np.abs(py - gy)
            distance = np.maximum(dx, dy) if square else np.sqrt(dx * dx + dy * dy)
            nearer = distance < first
            second = np.minimum(second, np.maximum(first, distance))
            first = np.minimum(first, distance)
            best_x, best_y, best = (
                np.where(nearer, px, best_x),
                np.where(nearer, py, best_y),
                np.where(nearer, index, best),
            )
    return first, second, best_x / np.float32(count), best_y / np.float32(count), best


def at(field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Read `field` (H, W, ...) at coordinates in units of the shorter side (nearest pixel, borders repeated)."""
    height, width = field.shape[:2]
    unit = min(height, width)
    column = np.clip(x * unit, 0, width - 1).astype(np.intp)
    row = np.clip(y * unit, 0, height - 1).astype(np.intp)
    return field[row, column]


class Canvas:
    """A sheet on which strokes are drawn at twice the resolution: colour and, as a fourth channel, height of paint."""

    def __init__(self, shape: Shape, ground: np.ndarray, oversample: int = 2) -> None:
        self.shape, self.oversample = shape, oversample
        height, width = shape
        # Mode CMYK stands for "any four bytes": Pillow would premultiply RGBA by its alpha when it shrinks the sheet.
        if ground.ndim == 1:
            fill = (*(int(v * 255 + 0.5) for v in ground), 100)
            self.image = Image.new("CMYK", (width * oversample, height * oversample), fill)
        else:
            start = np.full((height, width, 4), 100, np.uint8)
            start[..., :3] = np.clip(ground * 255 + 0.5, 0, 255)
            small = Image.frombytes("CMYK", (width, height), start.tobytes())
            self.image = small.resize((width * oversample, height * oversample), Image.Resampling.NEAREST)
        self.draw = ImageDraw.Draw(self.image)
        self.unit = min(shape) * oversample

    def strokes(
        self,
        x: np.ndarray,
        y: np.ndarray,
        angle: np.ndarray,
        length: np.ndarray | float,
        width: np.ndarray | float,
        colour: np.ndarray,
        lift: np.ndarray,
        bend: np.ndarray | float = 0.0,
        ends: str = "round",
    ) -> None:
        """Draw N strokes in order: centres, directions, sizes (of the shorter side), colours (N, 3), heights."""
        count = len(x)
        profile = {
            "round": (0.45, 0.9, 1.0, 0.9, 0.45),
            "square": (1.0, 1.0, 1.0, 1.0, 1.0),
            "taper": (0.1, 0.7, 1.0, 0.6, 0.08),
            "dot": (0.35, 0.88, 1.0, 0.88, 0.35),
        }[ends]
        t = np.array([-1, -0.8, 0, 0.8, 1]) if ends != "dot" else np.array([-1, -0.6, 0, 0.6, 1])
        half_length = np.broadcast_to(np.asarray(length) / 2, count)[:, None]
        half_width = np.broadcast_to(np.asarray(width) / 2, count)[:, None] * np.array(profile)
        curve = np.broadcast_to(np.asarray(bend), count)[:, None] * half_length * (t * t - 0.4)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        spine = half_length * t
        points = np.empty((count, 10, 2))
        for first, sign in ((0, 1.0), (5, -1.0)):
            across = curve + sign * half_width
            px, py = x[:, None] + spine * cos - across * sin, y[:, None] + spine * sin + across * cos
            side = slice(first, first + 5)
            points[:, side, 0], points[:, side, 1] = (px, py) if sign > 0 else (px[:, ::-1], py[:, ::-1])
        ink = np.empty((count, 4), np.uint8)
        ink[:, :3] = np.clip(colour * 255 + 0.5, 0, 255)
        ink[:, 3] = np.clip(np.broadcast_to(lift, count) * 255, 0, 255)
        flat = (points.reshape(count, 20) * self.unit).tolist()
        polygon = self.draw.polygon
        for outline, fill in zip(flat, ink.tolist(), strict=True):
            polygon(outline, fill=tuple(fill))

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Shrink to the canvas's size: colours float32 (H, W, 3) and paint height (H, W), both in [0, 1]."""
        sheet = np.asarray(self.image.reduce(self.oversample), dtype=np.float32) / 255
        return sheet[..., :3], sheet[..., 3]


def scatter(rng: np.random.Generator, shape: Shape, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Points on a jittered lattice in random order, `spacing` apart, covering the canvas: x, y in shorter sides."""
    rng = fork(rng)
    unit = min(shape)
    rows, columns = int(shape[0] / unit / spacing) + 2, int(shape[1] / unit / spacing) + 2
    y, x = np.mgrid[0:rows, 0:columns].reshape(2, -1).astype(np.float64)
    x, y = (x - 0.5 + rng.random(x.size)) * spacing, (y - 0.5 + rng.random(y.size)) * spacing
    order = rng.permutation(x.size)
    return x[order], y[order]
