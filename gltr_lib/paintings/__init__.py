"""Procedural paintings: as many styles as there are seeds.

Global texture randomization needs paintings whose feature statistics differ widely: in colour, contrast, scale of the
stroke and its direction. Collections of real paintings come with licences and downloads; these are computed, from one
integer each, by twenty-odd small painters that share palettes (`palette`), tools (`tools`) and subjects (`scenes`).
"""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image

from gltr_lib._typed import brief, describe
from gltr_lib.complexity import select_by_complexity, texture_complexity
from gltr_lib.paintings import brushes, facets, lines, ornament, washes
from gltr_lib.paintings.palette import Palette, sample_palette
from gltr_lib.paintings.tools import between

__all__ = ["KINDS", "kind_of", "paint", "select_by_complexity", "texture_complexity"]

Painter = Callable[[np.random.Generator, Palette, tuple[int, int]], np.ndarray]
_PAINTERS: Final[tuple[Painter, ...]] = (
    brushes.impasto, brushes.palette_knife, brushes.night_sky, brushes.pointillism, brushes.pastel, brushes.action,
    lines.hatching, lines.pencil, lines.woodcut, lines.ukiyoe, lines.sumi, facets.stained_glass, facets.mosaic,
    facets.cubist, facets.neoplastic, facets.orphism, washes.watercolour, washes.marbling, washes.colour_field,
    ornament.batik, ornament.kilim, ornament.gilded,
)  # fmt: skip
KINDS: Final[tuple[str, ...]] = tuple(painter.__name__ for painter in _PAINTERS)
"""Names of all kinds of paintings, accepted by `paint`."""
SMALLEST: Final = 64
"""Smaller pictures are painted at this size and shrunk: a brush needs room."""
LARGEST: Final = 4096
# Kinds that live by strong colour (glass) or a light ground (watercolour) restrict the palette: chromas, keys.
_TASTE: Final[dict[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "stained_glass": ((2, 3, 4), (0, 1, 2, 6)),
    "watercolour": ((0, 1, 2, 3), (0, 2, 3, 5)),
    "night_sky": ((1, 2, 3, 4), (0, 2, 4, 6)),
    "batik": ((1, 2, 3), (0, 1, 2, 5)),
}


def _generator(*words: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def kind_of(seed: int) -> str:
    """Return the kind that `paint(seed)` paints: every run of len(KINDS) seeds holds each kind once, shuffled.

    Args:
        seed: integer >= 0.

    Returns:
        One of KINDS.

    Example:
        >>> sorted(kind_of(seed) for seed in range(len(KINDS))) == sorted(KINDS)
        True
    """
    block, place = divmod(_checked_seed(seed), len(KINDS))
    return KINDS[_generator(block, 0).permutation(len(KINDS))[place]]


def paint(seed: int, kind: str | None = None, size: int | tuple[int, int] = 256) -> np.ndarray:
    """Paint a picture, the same one for the same seed and kind.

    Args:
        seed: integer >= 0; draws the palette, the subject and every stroke.
        kind: one of KINDS, or None for the kind that belongs to the seed (`kind_of`).
        size: side of a square, or (height, width); 1 to 4096 pixels.

    Returns:
        uint8 (H, W, 3), RGB. Bit-identical on one machine; within one grey level between processors (measured with
        numpy's vector instructions on and off; a lone pixel on a hard edge could in theory escape).

    Raises:
        TypeError: seed or size is not an integer (size: nor a pair of them).
        ValueError: seed < 0, unknown kind, or size out of range.

    Source: none but the painters that the kinds are named after; the purpose is the painting set of Peng et al. 2021.

    Example:
        >>> picture = paint(7, "mosaic", size=(64, 96))
        >>> picture.shape, picture.dtype.name
        ((64, 96, 3), 'uint8')
    """
    seed = _checked_seed(seed)
    height, width = _checked_size(size)
    if kind is None:
        kind = kind_of(seed)
    elif not isinstance(kind, str) or kind not in KINDS:
        shown = repr(kind[:40]) if isinstance(kind, str) else describe(kind)
        raise ValueError(f"unknown kind {shown}; expected one of {', '.join(KINDS)}")
    shape = (max(height, SMALLEST), max(width, SMALLEST))
    # The kind's name, not its position, enters the seed: a new kind leaves the old paintings as they are.
    rng = _generator(seed, zlib.crc32(kind.encode()), 1)
    chromas, keys = _TASTE.get(kind, (None, None))
    palette = sample_palette(
        rng,
        chroma=None if chromas is None else int(rng.choice(chromas)),
        key=None if keys is None else int(rng.choice(keys)),
    )
    canvas = np.clip(_PAINTERS[KINDS.index(kind)](rng, palette, shape), 0, 1)
    canvas = _varnish(canvas, rng)
    picture = (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)
    if shape != (height, width):
        picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))
    return np.ascontiguousarray(picture)


def _varnish(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Age and light the finished picture a little: contrast about its own mean, and exposure."""
    contrast, exposure = between(rng, 0.88, 1.15), between(rng, 0.9, 1.08)
    mean = canvas.mean(dtype=np.float64)
    return np.clip((canvas - np.float32(mean)) * np.float32(contrast) + np.float32(mean), 0, 1) * np.float32(exposure)


def _checked_seed(seed: int) -> int:
    try:
        number = _whole(seed)
    except TypeError:
        raise TypeError(f"seed: expected a whole number >= 0, received {describe(seed)}") from None
    if number < 0:
        raise ValueError(f"seed: expected a whole number >= 0, received {brief(number, 60)}")
    return number


def _checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    wanted = f"size: expected 1 to {LARGEST} pixels as one number or as (height, width), received"
    if len(pair) != 2:
        raise ValueError(f"{wanted} {describe(size)}")
    try:
        height, width = (_whole(side) for side in pair)
    except TypeError:
        raise TypeError(f"{wanted} {describe(size)}") from None
    if not (1 <= height <= LARGEST and 1 <= width <= LARGEST):
        raise ValueError(f"{wanted} {describe(size)}")
    return height, width


def _whole(value: object) -> int:
    """A whole number as an int; Python would take True for 1."""
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)  # type: ignore[arg-type]  # raises TypeError for what is none
