"""Blob masks: filtered noise over a threshold, against the official formula with SciPy.

Ours draws the noise on a coarse grid, filters it by small matrix products, and takes the threshold from the field
itself, so the share is exact. Both must have the same statistics: share, and the smoothness of the edge,
judged by how many neighbouring pixels differ.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from peers import official_mask

from gltr_lib.bench import Case, Made
from gltr_lib.masks import blob_mask


def rough(mask: np.ndarray) -> float:
    """Share of horizontally neighbouring pixels that differ: the length of the blobs' edges."""
    return float((np.diff(mask, axis=-1) != 0).mean())


def case(name: str, batch: int, size: tuple[int, int], sigma: float, device: str, promised: float | None) -> Case:
    """A batch of masks against one mask of the official formula; times are for one mask."""

    def make() -> Made:
        draws = np.random.default_rng(0)
        official_mask(8, 8, 0.5, draws)  # is SciPy there?
        noise = torch.Generator(device).manual_seed(0)
        kept = (4.0, 16.0) if sigma == 0 else (sigma, sigma)

        def ours() -> torch.Tensor:
            return blob_mask(batch, *size, sigma=kept, generator=noise, device=device)

        def check(mine: torch.Tensor, other: np.ndarray) -> str:
            width = sigma or 8.0
            count = int(np.clip(300 * width**2 / (size[0] * size[1]), 3, 40))  # a mask of one blob says little
            border = 2 * math.ceil(width)  # where SciPy reflects, blobs are larger
            several = [1 - official_mask(*size, 0.5, draws, width, border) for _ in range(count)]
            like = blob_mask(count, *size, sigma=width, generator=noise).cpu().numpy()
            share, edges = np.mean([m.mean() for m in several]), np.mean([rough(m) for m in several])
            if abs(like.mean() - 0.5) > 0.01 or abs(share - 0.5) > 0.2:
                return f"share {like.mean():.3f} against {share:.3f}"
            if not 0.6 < rough(like) / edges < 1.6:
                return f"edges {rough(like):.4f} against {edges:.4f}"
            return ""

        # Noise is made, read, written filtered and read again: four passes of 4 bytes, and a mask is written.
        moved = 5.0 * 4 * batch * size[0] * size[1]
        return Made(ours, lambda: official_mask(*size, 0.5, draws, sigma), check, units=batch, bytes=moved)

    return Case(name, make, "official formula with SciPy", promised=promised)


def cases(small: bool, device: str) -> list[Case]:
    """Sizes, batches and widths of the blur; the promise is for batch 8 at 640x640."""
    square, large = ((64, 64), (66, 120)) if small else ((640, 640), (1052, 1914))
    wide = 12.0 if small else 64.0
    return [
        case("blob_mask", 8, square, 0.0, device, 20.0),
        case("blob_mask, batch 1", 1, square, 0.0, device, None),
        case(f"blob_mask, sigma {wide:g}", 8, square, wide, device, None),
        case(f"blob_mask, {large[1]}x{large[0]}", 1, large, 0.0, device, None),
    ]


def growth(small: bool, device: str) -> dict[str, list[tuple[float, Case]]]:
    """How the cost of one mask grows: {"side of the picture": [(side, case)], ...}."""
    sides = (32, 64) if small else (128, 256, 512, 1024)
    return {
        "side of the picture (px)": [
            (side, case(f"side {side}", 1, (side, side), 8.0, device, None)) for side in sides
        ],
        "batch": [
            (n, case(f"batch {n}", n, (64, 64) if small else (256, 256), 8.0, device, None)) for n in (1, 2, 4, 8, 16)
        ],
        "sigma (px)": [
            (s, case(f"sigma {s}", 1, (64, 64) if small else (512, 512), float(s), device, None))
            for s in (2, 4, 8, 16, 32, 64)
        ],
    }
