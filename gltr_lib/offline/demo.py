"""The picture of ``gltr demo``: a street, its paint, and the mix of both, laid out as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gltr_lib._typed import typed
from gltr_lib._validate import describe


@typed
def demo_picture(seed: int = 0, size: tuple[int, int] = (256, 512), styles: int = 3) -> np.ndarray:
    """A street, its mask and its randomised forms in one picture: rows of street, GTR, LTR, mask.

    Args:
        seed: of the street, the styles and the masks.
        size: (height, width) of each tile.
        styles: rows.

    Returns:
        uint8 array (H,W,3).

    Raises:
        ValueError: a seed that is none.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to 2^63 - 1, received {describe(seed)}")
    if not 1 <= styles <= 100:
        raise ValueError(f"styles: expected 1 to 100, received {styles}")
    from gltr_lib import GlobalTextureRandomization, LocalTextureRandomization, StyleBank, Stylizer, streets
    from gltr_lib.labels import colourize

    image, labels = streets.render(seed, "game", size)
    stylizer = Stylizer.load("mini")
    gtr = GlobalTextureRandomization(stylizer, StyleBank.load("paintings-mini"))
    ltr = LocalTextureRandomization()
    generator = torch.Generator().manual_seed(seed)
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    rows = []
    for row in range(styles):
        stylised = gtr(tensor, generator)
        mixed, mask = ltr(tensor, stylised, generator)
        first = image if row == 0 else colourize(labels) if row == 1 else image
        rows.append([first, _pixels(stylised), _pixels(mixed), _pixels(mask.expand(-1, 3, -1, -1))])
    return tile(rows)


@typed
def tile(rows: Sequence[Sequence[np.ndarray]], gap: int = 8) -> np.ndarray:
    """Lay pictures of one size out as a table on white."""
    if not rows or not all(rows) or gap < 0 or gap > 10_000:
        raise ValueError(f"tile: expected rows of at least one picture and a gap from 0 to 10,000, received {gap}")
    height, width = rows[0][0].shape[:2]
    columns = max(map(len, rows))
    sheet = np.full((len(rows) * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = gap + i * (height + gap), gap + j * (width + gap)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def _pixels(image: torch.Tensor) -> np.ndarray:
    return (image[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
