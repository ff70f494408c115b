"""Painting a few pictures of one size in several styles each, within the memory there is.

A picture is encoded once and decoded once a copy. When memory runs out the batch is halved, and at one picture a time
the picture is painted in tiles (its statistics stay those of the whole); what was found to fit is remembered for the
size. A picture is never left out: if the smallest tile does not fit, that is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gltr_lib._tiles import TILES, knows, within
from gltr_lib.adain import adain

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: CUDA's, MPS's, the CPU allocator's or Python's.

    Example:
        >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
        ... ), is_out_of_memory(RuntimeError("shapes differ"))
        (True, False)
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


class Painter:
    """Paints groups of pictures of one size.

    Args:
        stylizer: as from ``Stylizer.load``.
        bank: styles made by this stylizer (one that was made by hand, without a fingerprint, is taken at its word);
            moved to its device.
        alpha: strength of the style.
        tile: side of the tiles, or None for whole pictures.
        memory: budget in MiB, from which batch and tile of each size of pictures follow; None asks nothing.
        copies: of each picture, for the budget.
        batch: most pictures at once. Smaller groups are filled up to it, so that a picture is always computed in a
            batch of the same size, whoever its neighbours are.

    Raises:
        ValueError: a bank of another encoder, or a stylizer whose memory is not known.
    """

    def __init__(
        self, stylizer: Stylizer, bank: StyleBank, *, alpha: float = 1.0, tile: int | None = None, batch: int = 1,
        memory: int | None = None, copies: int = 1,
    ) -> None:  # fmt: skip
        self.stylizer, self.alpha, self.tile, self.batch, self.memory = stylizer, alpha, tile, batch, memory
        self.copies = copies
        self.device = next(stylizer.parameters()).device
        if bank.fingerprint:
            bank.check(stylizer)
        self.stats = bank.stats.to(self.device)
        if memory is not None and not knows(stylizer.name):
            raise ValueError(f"memory: what the stylizer {stylizer.name} takes is not known; give the tile instead")
        self.fits: dict[tuple[int, int], tuple[int, int | None]] = {}
        self.changes: dict[str, str] = {}  # "1914x1052" -> "batch 2"

    def paint(self, pictures: Sequence[np.ndarray], styles: Sequence[Sequence[int]]) -> list[list[Tensor]]:
        """Paint pictures of one size, each in its own styles.

        Args:
            pictures: uint8 (H,W,3), at most ``batch`` of them.
            styles: for each picture the numbers of its styles; the same number of them for each.

        Returns:
            For each picture its copies, uint8 (H,W,3) on the stylizer's device.

        Raises:
            RuntimeError: not even the smallest tile fits into memory. ValueError: into the budget.
        """
        height, width = pictures[0].shape[:2]
        while True:
            batch, tile = self.fits.get((height, width)) or self._first((height, width))
            try:
                painted: list[list[Tensor]] = []
                for start in range(0, len(pictures), batch):
                    part = slice(start, start + batch)
                    painted += self._paint(pictures[part], styles[part], batch, tile)
                return painted
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            # Outside the except block: the failed attempt's tensors are let go before the next one starts.
            painted = []
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            batch, tile = self._smaller((height, width), batch, tile, reason)
            self.fits[height, width] = batch, tile
            self.changes[f"{width}x{height}"] = f"batch {batch}" + (f", tile {tile}" if tile else "")

    def _first(self, size: tuple[int, int]) -> tuple[int, int | None]:
        if self.memory is None:
            return self.batch, self.tile
        return within(self.stylizer.name, size, self.memory, self.batch, self.copies)

    def _smaller(self, size: tuple[int, int], batch: int, tile: int | None, reason: str) -> tuple[int, int | None]:
        if batch > 1:
            return batch // 2, tile
        limit = tile or max(size)
        smaller = [side for side in TILES if side < limit]
        if not smaller:
            at = f"in tiles of {tile}" if tile else "at once"
            raise RuntimeError(
                f"a picture of {size[1]}x{size[0]} does not fit into the memory of {self.device} even alone and {at}"
                f" ({reason}); free memory, use --device cpu, or a smaller stylizer. What is done is kept"
            )
        return 1, smaller[0]

    def _paint(
        self, pictures: Sequence[np.ndarray], styles: Sequence[Sequence[int]], batch: int, tile: int | None
    ) -> list[list[Tensor]]:
        """One batch, filled up by repeating its last picture."""
        count, size = len(pictures), (pictures[0].shape[0], pictures[0].shape[1])
        rows = [*range(count), *[count - 1] * (batch - count)]
        stacked = torch.from_numpy(np.stack([pictures[row] for row in rows]))
        images = stacked.to(self.device).permute(0, 3, 1, 2).float().div_(255)
        with torch.inference_mode():
            features = self.stylizer.encode(images).float() if tile is None else None
            copies = []
            for chosen in zip(*[styles[row] for row in rows], strict=True):
                stats = self.stats[list(chosen)]  # checked when the bank was made, and not again for each copy
                if features is not None:
                    result = self.stylizer.decode(adain(features, stats.mean, stats.std, self.alpha), size)
                else:
                    result = self.stylizer.stylize(images, stats, self.alpha, tile=tile)
                pixels = result.mul_(255).round_().to(torch.uint8)  # nobody else has this picture
                copies.append(pixels.permute(0, 2, 3, 1).contiguous())
        return [[copy[row] for copy in copies] for row in range(count)]
