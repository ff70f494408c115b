"""Large pictures in tiles: convolutions see only so far, so a tile with a margin gives the same numbers as the whole.

A network whose receptive radius is at most ``halo`` pixels is run on crops; from each answer only the part is kept that
no artificial edge has touched. At the picture's own border a crop ends where the picture ends, and the network pads
there as it would have done anyway. What looks at the whole picture, such as the mean of a channel, must happen between
two such passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

#: Sides of tiles to choose from, and the margin round each.
TILES = (2048, 1024, 512, 256, 128)
HALO = 48
# What painting takes at its peak in fp32, as an upper bound of measurements on a CPU: bytes for a pixel of the picture
# (features before and after AdaIN, the result), for a pixel of the tile in work, and once.
_PEAK = {"mini": (90, 210, 80 * 2**20), "vgg19": (200, 520, 80 * 2**20)}

#: What a tile keeps of an axis, and the larger span that is computed for it: (start, stop, from, to).
Span = tuple[int, int, int, int]


def spans(length: int, tile: int, halo: int) -> Iterator[Span]:
    """Cut an axis into tiles of equal length (the last may be shorter), each with a margin inside the axis.

    Example:
        >>> list(spans(10, 4, 1))
        [(0, 4, 0, 5), (4, 8, 3, 9), (8, 10, 7, 10)]
    """
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        yield start, stop, max(0, start - halo), min(length, stop + halo)


def peak_bytes(name: str, size: tuple[int, int], tile: int | None = None) -> int:
    """Memory that painting one picture adds at its peak, at most.

    Args:
        name: "mini" or "vgg19".
        size: (height, width) of the picture.
        tile: side of the tiles in pixels; None paints it whole.

    Example:
        >>> peak_bytes("vgg19", (1052, 1914), 256) < peak_bytes("vgg19", (1052, 1914)) < 2.5e9
        True
    """
    each, worked, once = _PEAK[name]
    sides = [side if tile is None else min(side, tile + 2 * HALO) for side in size]
    return each * size[0] * size[1] + worked * sides[0] * sides[1] + once


def tile_within(name: str, size: tuple[int, int], memory: int) -> int | None:
    """The largest tile with which painting a picture stays within a budget; None where it may be painted whole.

    Args:
        name: "mini" or "vgg19".
        size: (height, width) of the picture.
        memory: the budget in MiB, for one picture at a time.

    Raises:
        ValueError: not even the smallest tile does, or another stylizer.

    Example:
        >>> [tile_within("vgg19", (1052, 1914), memory) for memory in (2500, 600)]
        [None, 256]
    """
    if name not in _PEAK:
        raise ValueError(f"memory: what the stylizer {name!r} takes is not known; give the tile instead")
    for tile in (None, *TILES):
        if peak_bytes(name, size, tile) <= memory * 2**20:
            return tile
    least = -(-peak_bytes(name, size, TILES[-1]) // 2**20)
    raise ValueError(
        f"memory: {name} takes at least {least} MiB for a picture of {size[1]}x{size[0]}, received {memory} MiB"
    )


def shrink(network: Callable[[Tensor], Tensor], images: Tensor, tile: int, halo: int, cell: int) -> Tensor:
    """Run a network that turns ``cell`` x ``cell`` pixels into one position, tile by tile.

    Args:
        network: pictures (B, 3, H, W) to features (B, C, H/cell, W/cell).
        images: (B, 3, H, W), sides multiples of what the network needs.
        tile: side of a tile in pixels, a multiple of the same.
        halo: margin in pixels, likewise.
        cell: pixels a position.

    Returns:
        The features of the whole, float32.
    """
    batch, _, height, width = images.shape
    whole: Tensor | None = None
    for top, bottom, y0, y1 in spans(height, tile, halo):
        for left, right, x0, x1 in spans(width, tile, halo):
            part = network(images[:, :, y0:y1, x0:x1]).float()
            if whole is None:
                whole = part.new_empty((batch, part.shape[1], height // cell, width // cell))
            rows = slice((top - y0) // cell, (bottom - y0) // cell)
            columns = slice((left - x0) // cell, (right - x0) // cell)
            whole[:, :, top // cell : bottom // cell, left // cell : right // cell] = part[:, :, rows, columns]
    if whole is None:
        raise ValueError("images: expected at least one pixel")
    return whole


def enlarge(
    network: Callable[[Tensor, tuple[int, int]], Tensor], features: Tensor, tile: int, halo: int, cell: int
) -> Tensor:
    """Run a network that turns one position into ``cell`` x ``cell`` pixels, tile by tile.

    Args:
        network: features (B, C, h, w) and the place of their first pixel (y, x) to pictures (B, 3, h*cell, w*cell).
        features: (B, C, h, w).
        tile: side of a tile in pixels.
        halo: margin in pixels.
        cell: pixels a position.

    Returns:
        The picture of the whole, float32.
    """
    batch, _, height, width = features.shape
    picture = torch.empty((batch, 3, height * cell, width * cell), device=features.device)
    for top, bottom, y0, y1 in spans(height, tile // cell, halo // cell):
        for left, right, x0, x1 in spans(width, tile // cell, halo // cell):
            part = network(features[:, :, y0:y1, x0:x1], (y0 * cell, x0 * cell)).float()
            rows = slice((top - y0) * cell, (bottom - y0) * cell)
            columns = slice((left - x0) * cell, (right - x0) * cell)
            place = picture[:, :, top * cell : bottom * cell, left * cell : right * cell]
            place.copy_(part[:, :, rows, columns])
    return picture
