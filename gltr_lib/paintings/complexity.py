"""How much texture a painting has, and choosing paintings by it.

The paper selects its paintings by "Texture Complexity based Painting Selection (TCPS)". Its formula was not available
to us and its code does not contain one, so the measure here is **our own definition** of the idea: much texture, of
many scales, everywhere in the picture.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image

WORKING_SIDE = 256
LEVELS = 4
BLOCK = 8


def texture_complexity(image: np.ndarray) -> float:
    """Measure how textured a picture is: 0 for a flat one, a few units for paintings, at most 100.

    Our own definition (the paper's TCPS formula is not available to us). A picture whose shorter side exceeds 256
    pixels is first shrunk to 256, so that the same painting scores alike at any resolution. On each of four levels of
    a pyramid (every level halves the one before) the colour gradient, the root of the mean of `(dx^2 + dy^2) / 2` over
    the channels, is averaged over blocks of 8x8 pixels, and the blocks are pooled by `(mean of root)^2`, which rewards
    texture that is everywhere and discounts a few strong edges. The mean of the four levels, times 100, is the result.

    For orientation: flat 0; one sharp black-white edge 0.2; a ramp from black to white 1.0; of 330 paintings the middle
    nine tenths lie between 2.8 and 13.3; white noise 18; a checkerboard of single pixels 25 (one level of the four).

    Args:
        image: (H, W, 3), uint8 in [0, 255] or float in [0, 1], H and W at least 2.

    Returns:
        The complexity, a float in [0, 100].

    Raises:
        TypeError: not a numpy array of uint8 or float.
        ValueError: wrong shape, or floats that are not finite or outside [0, 1].

    Example:
        >>> texture_complexity(np.full((64, 64, 3), 128, np.uint8))
        0.0
    """
    picture = _checked(image)
    height, width, _ = picture.shape
    if min(height, width) > WORKING_SIDE:
        factor = WORKING_SIDE / min(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        channels = [Image.fromarray(picture[..., c]).resize(size, Image.Resampling.BOX) for c in range(3)]
        picture = np.stack([np.asarray(channel) for channel in channels], -1)
    total = 0.0
    for _ in range(LEVELS):
        total += _detail(picture)
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        if min(height, width) < 4:
            break
        picture = picture[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    return 100.0 * total / LEVELS


def _detail(picture: np.ndarray) -> float:
    """Pooled colour gradient of one pyramid level, in [0, 1]."""
    dx, dy = picture[:-1, 1:] - picture[:-1, :-1], picture[1:, :-1] - picture[:-1, :-1]
    gradient = np.sqrt(((dx * dx + dy * dy) / 2).mean(-1))
    rows, columns = range(0, gradient.shape[0], BLOCK), range(0, gradient.shape[1], BLOCK)
    sums = np.add.reduceat(np.add.reduceat(gradient, list(rows), axis=0, dtype=np.float64), list(columns), axis=1)
    tall = np.diff([*rows, gradient.shape[0]])
    wide = np.diff([*columns, gradient.shape[1]])
    area = tall[:, None] * wide[None]
    return float((np.sqrt(sums / area) * area).sum() / area.sum()) ** 2


def _checked(image: np.ndarray) -> np.ndarray:
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image must be a numpy array, got {type(image).__name__}; convert with numpy.asarray")
    if image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 2:
        raise ValueError(f"image must have shape (H, W, 3) with H, W >= 2, got {image.shape}")
    if image.dtype == np.uint8:
        return image.astype(np.float32) / np.float32(255)
    if not np.issubdtype(image.dtype, np.floating):
        raise TypeError(f"image must be uint8 or float, got {image.dtype}; convert it to one of them")
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
        raise ValueError("a float image must be finite and in [0, 1]; divide by 255 if it holds 0..255")
    return image.astype(np.float32)


def select_by_complexity(images: Iterable[np.ndarray], low: float = 0.25, high: float = 0.95) -> np.ndarray:
    """Choose the pictures whose texture complexity lies in a band of quantiles.

    Args:
        images: pictures as `texture_complexity` takes them.
        low: lower quantile of the band, in [0, 1).
        high: upper quantile, in (low, 1].

    Returns:
        Increasing indices of the chosen pictures, int64 (N,); low=0, high=1 chooses all.

    Raises:
        ValueError: no pictures, or not 0 <= low < high <= 1.

    Source: the idea of TCPS in the paper's abstract; the measure and the band are ours.

    Example:
        >>> flat, busy = np.zeros((32, 32, 3)), np.random.default_rng(0).random((32, 32, 3))
        >>> select_by_complexity([flat, busy], low=0.5, high=1.0).tolist()
        [1]
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"expected 0 <= low < high <= 1, got low={low}, high={high}")
    values = np.array([texture_complexity(image) for image in images])
    if not values.size:
        raise ValueError("no images to choose from; pass at least one")
    bottom, top = np.quantile(values, [low, high])
    return np.flatnonzero((values >= bottom) & (values <= top)).astype(np.int64)
