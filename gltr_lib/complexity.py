"""How much texture a painting has, and choosing paintings by it.

The paper selects its paintings by "Texture Complexity based Painting Selection (TCPS)". Its formula was not available
to us and its code does not contain one, so the measure here is **our own definition** of the idea: much texture, of
many scales, everywhere in the picture. It has two forms. **complexity** is in grey levels: a faint painting scores low,
because it gives little texture away (AdaIN hands contrast on). **standardised** asks the same of the picture brought
to one contrast, so that a faded scan and a fresh one of the same painting score alike. Neither feels brightness.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from gltr_lib._typed import describe, typed

MEASURES = ("complexity", "standardised")
WORKING_SIDE = 256
LEVELS = 4
BLOCK = 8
#: Contrast that ``standardise`` brings a picture to: about the median of paintings (0.20 of 27 public-domain ones, 0.18
#: of procedural ones), so that both forms have one scale. Contrast below one grey level is rounding and is not raised.
USUAL_CONTRAST, LEAST_CONTRAST = 0.2, 1 / 255


@typed
def texture_complexity(image: np.ndarray, *, standardise: bool = False) -> float:
    """Measure how textured a picture is: 0 for a flat one, a few units for paintings, at most 100 as it is.

    Our own definition (the paper's TCPS formula is not available to us). A picture whose shorter side exceeds 256
    pixels is first shrunk to 256, so that the same painting scores alike at any resolution. On each of four levels of
    a pyramid (every level halves the one before) the colour gradient, the root of the mean of `(dx^2 + dy^2) / 2` over
    the channels, is averaged over blocks of 8x8 pixels, and the blocks are pooled by `(mean of root)^2`, which rewards
    texture that is everywhere and discounts a few strong edges. The mean of the four levels, times 100, is the result.

    For orientation: flat 0; one sharp black-white edge 0.2; a ramp from black to white 1.0; of 330 paintings the middle
    nine tenths lie between 2.8 and 13.3; white noise 18; a checkerboard of single pixels 25 (one level of the four).

    Args:
        image: (H, W, 3), uint8 in [0, 255] or float in [0, 1], H and W at least 2.
        standardise: measure the picture at the usual contrast: `a + b * picture` then scores like the picture. The
            gradient is linear, so this is one division by the standard deviation about each channel's mean.

    Returns:
        The complexity, a float in [0, 100] (standardised: at least 0).

    Raises:
        TypeError: not a numpy array of uint8 or float.
        ValueError: wrong shape, or floats that are not finite or outside [0, 1].

    Example:
        >>> texture_complexity(np.full((64, 64, 3), 128, np.uint8))
        0.0
    """
    values = measure(image)
    return values["standardised" if standardise else "complexity"]


def measure(image: np.ndarray) -> dict[str, float]:
    """Both forms of `texture_complexity` at the price of one.

    Args:
        image: as `texture_complexity` takes it.

    Returns:
        A value for each of ``MEASURES``.

    Example:
        >>> picture = np.random.default_rng(0).random((32, 32, 3))
        >>> full, faint = measure(picture), measure(0.3 + 0.1 * picture)
        >>> round(full["complexity"] / faint["complexity"]), round(full["standardised"] / faint["standardised"])
        (10, 1)
    """
    picture = _checked(image)
    height, width, _ = picture.shape
    if min(height, width) > WORKING_SIDE:
        factor = WORKING_SIDE / min(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        channels = [Image.fromarray(picture[..., c]).resize(size, Image.Resampling.BOX) for c in range(3)]
        picture = np.stack([np.asarray(channel) for channel in channels], -1)
    contrast = float(np.sqrt(picture.var(axis=(0, 1), dtype=np.float64).mean()))
    total = 0.0
    for _ in range(LEVELS):
        total += _detail(picture)
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        if min(height, width) < 4:
            break
        picture = picture[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    value = 100.0 * total / LEVELS
    return {"complexity": value, "standardised": value * USUAL_CONTRAST / max(contrast, LEAST_CONTRAST)}


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
        raise ValueError(
            f"a float image must be finite and in [0, 1], received {image.min():.4g} to {image.max():.4g}; divide by "
            f"255 if it holds 0..255"
        )
    return image.astype(np.float32)


@typed
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
    _check_band(low, high)  # before the pictures are measured
    return select([texture_complexity(image) for image in images], low=low, high=high)


def _check_band(low: float, high: float) -> None:
    if not 0 <= low < high <= 1:
        raise ValueError(f"expected 0 <= low < high <= 1, got low={low}, high={high}")


@typed
def select(
    scores: Any,
    *,
    low: float = 0.0,
    high: float = 1.0,
    number: int | None = None,
    share: float | None = None,
    top: int | None = None,
) -> np.ndarray:
    """Choose by score: a band of quantiles, and within it, if asked, a number or a share spread evenly over the ranks.

    Ranks and not values, because the scale of a made-up measure means nothing. ``low=0.9`` keeps
    the busiest tenth; ``number=5`` alone keeps the lowest, the highest and three between.

    Args:
        scores: (N) finite numbers; equal ones rank in their order.
        low: lower quantile of the band, in [0, 1).
        high: upper quantile, in (low, 1]; both ends belong to the band.
        number: how many of the band, at least 1 and at most as many as there are.
        share: the same as a share of the band, in (0, 1].
        top: instead of these, how many of the highest of the band.

    Returns:
        Increasing indices, int64 (M,).

    Raises:
        ValueError: no scores, not finite, an impossible band, number or share, or more than one of these.

    Example:
        >>> select([5.0, 1.0, 3.0, 2.0, 4.0], low=0.25, number=2).tolist()
        [0, 3]
    """
    _check_band(low, high)
    try:
        values = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise TypeError(f"scores: expected numbers, one for each image, received {describe(scores)}") from None
    if values.ndim != 1 or not values.size:
        raise ValueError("scores: no images to choose from; pass at least one")
    if not np.isfinite(values).all():
        raise ValueError(f"scores: expected finite numbers, received {values[~np.isfinite(values)][0]}")
    least, most = np.quantile(values, [low, high])
    band = np.flatnonzero((values >= least) & (values <= most)).astype(np.int64)
    if sum(value is not None for value in (number, share, top)) > 1:
        raise ValueError(f"expected one of number, share and top, got number={number}, share={share}, top={top}")
    if share is not None:
        if not 0 < share <= 1:
            raise ValueError(f"share: expected a number in (0,1], got {share}")
        number = max(1, round(share * len(band)))
    count = top if top is not None else number
    if count is None:
        return band
    if not 1 <= count <= len(band):
        name = "number" if top is None else "top"
        raise ValueError(f"{name}: expected 1 to {len(band)}, the size of the band, got {count}")
    ranked = band[np.argsort(values[band], kind="stable")]
    if top is not None:
        return np.sort(ranked[len(ranked) - top :])
    # One of them stands for the whole band from its middle; more reach from end to end.
    places = np.linspace(0, len(band) - 1, count) if count > 1 else np.array([(len(band) - 1) / 2])
    return np.sort(ranked[np.round(places).astype(np.int64)])
