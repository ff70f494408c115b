"""Material slots and tileable textures.

A *slot* is a role that a surface plays ("facade", "leaf", "tyre"); a look gives every slot a palette (pairs of
colours) and one texture. A texture is a tileable grey picture T in [0, 1]; a pixel's colour is A + (B - A) * T with
(A, B) a pair of the palette. So colour and texture of a class can be changed apart, which is what the course is about.

Textures are built as a pyramid of halved pictures (Williams 1983, "Pyramidal parametrics"), 256 texels and down, so
that a far wall is sampled from a small picture and does not glitter. All noise is made in the Fourier domain, which
makes it tileable by itself. Three textures are photographs that come inside scikit-image's wheel (brick, grass, gravel;
CC0, see skimage.data). Without scikit-image the named procedural stand-ins take their place: labels do not change,
pictures of the looks that use photographs do, and a warning says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from gltr_lib.streets.dice import TEXTURE, generator

_NAMES = (
    "sky road mark kerb walk terrain rail facade trim glass door roof shop awning wall coping fence pole "
    "lamp box red amber green signrim signface signmark leaf bark hill skin hair top legs rtop rlegs "
    "helmet car cglass tyre hub head tail plate under truck cargo bus train stripe bike moto block ground "
    "hedge "
)
SLOTS = _NAMES.split()
SLOT = {name: i for i, name in enumerate(SLOTS)}
SIZE = 256
LEVELS = 8
_OFFSETS = np.cumsum([0] + [(SIZE >> level) ** 2 for level in range(LEVELS)])
PYRAMID = int(_OFFSETS[-1])
OFFSETS = _OFFSETS[:-1].astype(np.int32)


def noise(seed: int, low: float, high: float, stretch: float = 1.0, size: int = SIZE, slope: float = 0.0) -> np.ndarray:
    """Return tileable noise with frequencies from low to high cycles a tile, mean 0, deviation 1.

    Args:
        seed: non-negative integer.
        low: lowest frequency, cycles a tile.
        high: highest frequency, cycles a tile.
        stretch: above 1 makes streaks along the first axis.
        size: texels a side.
        slope: amplitude falls as frequency**-slope.

    Returns:
        (size, size) float64.
    """
    white = np.fft.rfft2(generator(seed, TEXTURE).random((size, size)) - 0.5)
    fy = np.fft.fftfreq(size, 1 / size)[:, None] * stretch
    fx = np.fft.rfftfreq(size, 1 / size)[None, :]
    f = np.sqrt(fy * fy + fx * fx)
    band = np.exp(-((f / high) ** 4)) * (1 - np.exp(-((f / low) ** 4))) / np.maximum(f, 1) ** slope
    out = np.fft.irfft2(white * band, s=(size, size))
    return out / max(float(out.std()), 1e-9)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    i = np.arange(SIZE)
    return np.meshgrid(i, i, indexing="ij")


def _blocks(rows: int, columns: int, joint: int, shift: bool, seed: int, spread: float) -> np.ndarray:
    """Masonry: rows x columns blocks with joints (1 = joint), each block a little lighter or darker."""
    y, x = _grid()
    h, w = SIZE // rows, SIZE // columns
    row = y // h
    xs = (x + (row % 2) * (w // 2 if shift else 0)) % SIZE
    tone = generator(seed, TEXTURE).random((rows, columns))[row, xs // w]
    seam = (y % h < joint) | (xs % w < joint)
    return np.where(seam, 1.0, 0.15 + spread * tone + 0.04 * noise(seed, 8, 90))


def _cells(seed: int, cells: int, rim: float) -> np.ndarray:
    """Jittered cells (cobbles, leaf clumps): 0 at a seam or hollow, towards 1 at a cell's middle."""
    y, x = _grid()
    step = SIZE // cells
    jitter = generator(seed, TEXTURE).random((cells, cells, 3))
    near = np.full((SIZE, SIZE), 9.0)
    second = near.copy()
    tone = np.zeros((SIZE, SIZE))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            cy, cx = y // step + dy, x // step + dx
            j = jitter[cy % cells, cx % cells]
            d = np.hypot(cy + 0.15 + 0.7 * j[..., 0] - y / step, cx + 0.15 + 0.7 * j[..., 1] - x / step)
            closer = d < near
            second = np.where(closer, near, np.minimum(second, d))
            tone = np.where(closer, j[..., 2], tone)
            near = np.minimum(near, d)
    return np.clip((second - near) / rim, 0, 1) * (0.55 + 0.45 * tone)


def _level(t: np.ndarray, spread: float, mean: float = 0.5) -> np.ndarray:
    return mean + spread * t


def _unit_window(panes: int, frame: int, seed: int) -> np.ndarray:
    """One window: frame 0, glass from 0.55 (below) to 1 (above, where the sky is mirrored)."""
    y, x = _grid()
    glass = 0.62 + 0.38 * (y / SIZE) + 0.05 * noise(seed, 1, 4)
    bar = (x < frame) | (x >= SIZE - frame) | (y < frame) | (y >= SIZE - frame)
    for k in range(1, panes):
        bar |= np.abs(x - SIZE * k // panes) < frame // 2
    bar |= (np.abs(y - int(SIZE * 0.66)) < frame // 2) & (panes > 1)
    return np.where(bar, 0.0, glass)


def _photo(name: str, stand_in: str) -> np.ndarray:
    """A photograph from scikit-image's wheel, its slow shading removed, made tileable by fading its ends over."""
    try:
        from skimage import data
    except ImportError:
        warnings.warn(f"scikit-image is missing: texture {name!r} falls back to {stand_in!r}", stacklevel=2)
        return RECIPES[stand_in]()
    picture = np.asarray(getattr(data, name)(), dtype=np.float64)
    if name == "brick":  # courses stand upright in the photograph, and lean at its left edge
        picture = picture[100:, 170:].T
    overlap = 24
    crop = picture[: SIZE + overlap, : SIZE + overlap]
    f = np.fft.rfft2(crop)
    f[:3, :3] *= 0.3  # the lowest frequencies would show as a repeating pattern
    f[-2:, :3] *= 0.3
    crop = np.fft.irfft2(f, s=crop.shape)
    lo, hi = np.percentile(crop, (0.2, 99.5))
    crop = np.sqrt(np.clip((crop - lo) / (hi - lo), 0, 1))
    ramp = (np.arange(overlap) / overlap)[:, None]
    for _ in range(2):  # what follows the tile's last row fades into its first rows, then the same for columns
        tile = crop[:SIZE].copy()
        tile[:overlap] = ramp * crop[:overlap] + (1 - ramp) * crop[SIZE:]
        crop = tile.T
    return crop


RECIPES: dict[str, Callable[[], np.ndarray]] = {
    "plain": lambda: np.full((SIZE, SIZE), 0.5),
    "asphalt": lambda: _level(noise(11, 20, 110), 0.14) + 0.05 * noise(12, 1, 5),
    "asphalt_worn": lambda: _level(noise(13, 20, 110), 0.10) + 0.14 * noise(14, 1, 6, 4.0) + 0.05 * noise(15, 4, 20),
    "asphalt_patched": lambda: np.where(noise(16, 1, 3) > 0.7, 0.25, 0.55) + 0.10 * noise(17, 20, 110),
    "concrete": lambda: _level(noise(18, 1, 40, slope=0.8), 0.16),
    "slabs": lambda: 1 - _blocks(4, 4, 4, False, 19, 0.35),
    "paving": lambda: 1 - _blocks(8, 4, 3, True, 20, 0.35),
    "tiles": lambda: 1 - _blocks(16, 16, 2, False, 21, 0.25),
    "cobbles": lambda: _cells(22, 16, 0.35),
    "plaster": lambda: _level(noise(23, 1, 60, slope=0.7), 0.10),
    "plaster_stained": lambda: _level(noise(24, 1, 12, 0.25), 0.16) + 0.05 * noise(25, 8, 90),
    "brick": lambda: _blocks(16, 6 + 2, 3, True, 26, 0.4),
    "stone": lambda: _blocks(8, 4, 3, True, 27, 0.5),
    "panels": lambda: _blocks(2, 2, 3, False, 28, 0.2),
    "planks": lambda: 0.5 + 0.22 * noise(29, 2, 60, 0.06) - 0.4 * (_grid()[1] % 32 < 2),
    "siding": lambda: 0.35 + 0.4 * ((_grid()[0] % 32) / 32.0) + 0.04 * noise(30, 4, 60),
    "corrugated": lambda: 0.5 + 0.35 * np.sin(_grid()[1] * (2 * np.pi / 16)),
    "shingles": lambda: _blocks(16, 16, 2, True, 31, 0.5),
    "leaf": lambda: _level(noise(32, 6, 40, slope=0.4), 0.22),
    "leaf_clumps": lambda: 0.75 * _cells(33, 12, 0.8) + 0.12 * noise(34, 20, 80) + 0.1,
    "leaf_fine": lambda: _level(noise(35, 24, 100), 0.2) + 0.12 * noise(36, 2, 8),
    "needles": lambda: _level(noise(37, 8, 90, 0.35), 0.22),
    "grass": lambda: _level(noise(38, 16, 110, 0.35), 0.2) + 0.05 * noise(39, 1, 6),
    "meadow": lambda: _level(noise(40, 3, 90, slope=0.6), 0.24),
    "soil": lambda: _level(noise(41, 4, 90, slope=0.5), 0.18),
    "bark": lambda: _level(noise(42, 4, 60, 0.15), 0.22),
    "metal": lambda: _level(noise(43, 2, 60, 6.0), 0.08),
    "gloss": lambda: np.clip(_grid()[0] / (SIZE - 1.0), 0, 1),
    "cloth": lambda: _level(noise(44, 2, 30, slope=0.4), 0.16),
    "checks": lambda: 0.5 + 0.25 * ((_grid()[0] // 16 % 2) + (_grid()[1] // 16 % 2) - 1.0),
    "stripes": lambda: (_grid()[1] // 32 % 2).astype(np.float64),
    "window": lambda: _unit_window(2, 18, 45),
    "window_cross": lambda: _unit_window(3, 14, 46),
    "window_plain": lambda: _unit_window(1, 14, 47),
    "cloud": lambda: np.clip(0.5 + 0.28 * noise(48, 0.7, 40, slope=1.6), 0, 1),
    "cloud_thin": lambda: np.clip(0.5 + 0.28 * noise(49, 0.7, 60, 0.4, slope=1.3), 0, 1),
    "photo_brick": lambda: _photo("brick", "brick"),
    "photo_grass": lambda: _photo("grass", "grass"),
    "photo_gravel": lambda: _photo("gravel", "soil"),
}
UNIT_TEXTURES = ("window", "window_cross", "window_plain", "gloss")


@lru_cache(maxsize=len(RECIPES))
def pyramid(name: str) -> np.ndarray:
    """Return a texture's pyramid, flat.

    Args:
        name: a key of ``RECIPES``.

    Returns:
        (PYRAMID,) uint8; level k begins at ``OFFSETS[k]`` and has (SIZE >> k) texels a side.

    Example:
        >>> pyramid("plain").shape == (PYRAMID,)
        True
    """
    level = np.clip(RECIPES[name](), 0, 1)
    flat = []
    for _ in range(LEVELS):
        flat.append(np.rint(level * 255).astype(np.uint8).ravel())
        level = (level[::2, ::2] + level[1::2, ::2] + level[::2, 1::2] + level[1::2, 1::2]) / 4
    return np.concatenate(flat)
