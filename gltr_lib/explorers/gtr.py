"""GTR explorer: one street, as many painters as you like; each draw is what one training step might see.

Styles are drawn from the bank with the seed, one for each copy, exactly as GlobalTextureRandomization does.
Source: Peng et al., IEEE TIP 2021 (GTR).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gltr_lib.explorers._base import Explorer, choice, slider, whole
from gltr_lib.explorers._canvas import Canvas
from gltr_lib.explorers.assets import Assets, shipped
from gltr_lib.randomize import GlobalTextureRandomization
from gltr_lib.viz import COLOURS

COUNTS = (2, 5, 8)


@dataclass(frozen=True)
class Params:
    """What the GTR explorer shows: ``count`` painted copies of ``image``."""

    image: str = ""
    seed: int = 0
    alpha: float = 1.0
    count: int = 5


def render(params: Params, assets: Assets | None = None) -> tuple[np.ndarray, str]:
    """Draw the explorer's picture: the raw street, then its copies.

    Args:
        params: an empty name means the first image. assets: the shipped ones by default.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: an unknown name, a count outside 1..8, alpha outside [0, 1].
    """
    assets = assets or shipped()
    name = params.image or next(iter(assets.images))
    if not 1 <= params.count <= 8:
        raise ValueError(f"count: expected 1 to 8 copies, received {params.count!r}")
    gtr = GlobalTextureRandomization(assets.stylizer, assets.bank, params.alpha)
    raw = assets.content(name)
    generator = torch.Generator().manual_seed(params.seed)
    painted = gtr(raw.expand(params.count, -1, -1, -1), generator=generator)
    canvas = Canvas(960, 590)
    rows = -(-(params.count + 1) // 3)
    for i, picture in enumerate([raw[0], *painted]):
        row, column = divmod(i, 3)
        caption = f"raw: {name}" if i == 0 else f"style {i} of {params.count}"
        box = (14 + 314 * column, 36 + 186 * row, 300, 150)
        canvas.picture(picture, box, caption, frame=COLOURS[0] if i == 0 else "")
    spread = painted.mean((2, 3)).std(0).mean().item() if params.count > 1 else 0.0
    change = (painted - raw).abs().mean().item()
    words = f"{name} and {params.count} copies in styles drawn with seed {params.seed} from {len(assets.bank)},"
    words += f" alpha {params.alpha:.2f}. A pixel changes by {255 * change:.0f} of 255 grey levels on average;"
    words += f" the mean colour varies by {255 * spread:.0f} between the copies. The labels stay as they are."
    return canvas.array()[: 36 + 186 * rows - 10], words


class GtrExplorer(Explorer):
    """One street in a grid of drawn styles: seed, alpha, number of copies.

    Args:
        params: where to start. assets: own pictures and networks. synchronous: see Explorer.
    """

    module = "gtr"
    title = "GTR: the same street, another painter at every step"
    height = 584

    def __init__(
        self, params: Params | None = None, *, assets: Assets | None = None, synchronous: bool = False
    ) -> None:
        chosen = assets or shipped()
        given = params or Params()
        start = Params(given.image or next(iter(chosen.images)), given.seed, given.alpha, given.count)
        super().__init__(start, chosen, own_assets=assets is not None, synchronous=synchronous)

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def make_controls(self) -> Mapping[str, Any]:
        start = self.start
        counts = sorted({*COUNTS, start.count})
        return {
            "image": choice("Street", start.image, list(self.assets.images)),
            "seed": whole("Seed", start.seed, 0, 9999),
            "alpha": slider("Alpha", start.alpha, 0, 1),
            "count": choice("Copies", start.count, counts),
        }
