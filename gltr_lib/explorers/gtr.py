"""GTR explorer: one street, as many painters as you like; each draw is what one training step might see.

Styles are drawn from the bank with the seed, one for each copy, exactly as GlobalTextureRandomization does. In the
corner of a copy stands the painting whose statistics it wears, where the bank's names say which one that was; beside
its name its mean colour. Source: Peng et al., IEEE TIP 2021 (GTR).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gltr_lib import adain as layer
from gltr_lib import paintings
from gltr_lib._validate import check_share
from gltr_lib.explorers._base import Explorer
from gltr_lib.explorers._canvas import Canvas
from gltr_lib.explorers._fields import choice, integer_box, slider, switch
from gltr_lib.explorers.assets import SIDE, Assets, shipped
from gltr_lib.viz import COLOURS, PAPER

COUNTS = (2, 5, 8)
DRAFT = SIDE // 2  # longer side of a draft
INSET = 46  # pixels of the painting in a copy's corner


@dataclass(frozen=True)
class Params:
    """What the GTR explorer shows: ``count`` painted copies of ``image``; ``paintings`` in their corners or not."""

    image: str = ""
    seed: int = 0
    alpha: float = 1.0
    count: int = 8
    paintings: bool = True


def render(params: Params, assets: Assets | None = None, *, preview: bool = False) -> tuple[np.ndarray, str]:
    """Draw the explorer's picture: the raw street, then its copies.

    Args:
        params: an empty name means the first image. assets: the shipped ones by default.
        preview: a draft of half the size, in which strokes look coarser, with the paintings made before and no others.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: an unknown name, a count outside 1..8, alpha outside [0, 1].
    """
    assets = assets or shipped()
    params = complete(params, assets)
    check_share(params.alpha, "alpha")
    if not 1 <= params.count <= 8:
        raise ValueError(f"count: expected 1 to 8 copies, received {params.count!r}")
    raw = assets.content(params.image, DRAFT if preview else SIDE)
    drawn = draw_styles(assets.bank, params.count, params.seed)
    painted = paint(assets, params, drawn, DRAFT if preview else SIDE)
    canvas = Canvas(960, 594)
    for i in range(params.count + 1):
        row, column = divmod(i, 3)
        box = (14 + 314 * column, 36 + 187 * row, 300, 150)
        if i == 0:
            canvas.picture(raw[0], box, f"raw: {params.image}", frame=COLOURS[0])
            continue
        picture, name = painted[i - 1], assets.bank.names[drawn[i - 1]]
        x, y, wide, high = canvas.picture(picture, box)
        canvas.text(x + 20, y - 7, f"{i}  {name.replace('_', ' ')}", room=wide - 20)
        colour = tuple(round(255 * v) for v in picture.mean((1, 2)).tolist())
        canvas.draw.rectangle((x, y - 19, x + 13, y - 6), fill=colour)
        inset = painting(assets, name, only_remembered=preview) if params.paintings else None
        if inset is not None and min(wide, high) > 2 * INSET:
            canvas.draw.rectangle((x, y + high - INSET - 2, x + INSET + 1, y + high - 1), fill=PAPER)
            canvas.picture(inset, (x, y + high - INSET, INSET, INSET))
    rows = -(-(params.count + 1) // 3)
    return canvas.array()[: 36 + 187 * rows - 16], describe(params, raw, painted, len(assets.bank))


def draw_styles(bank: Any, count: int, seed: int) -> list[int]:
    """Positions in the bank that ``bank.sample(count, generator)`` draws with this seed.

    Example:
        >>> draw_styles(range(512), 3, seed=0) == draw_styles(range(512), 3, seed=0)
        True
    """
    return torch.randint(len(bank), (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def paint(assets: Assets, params: Params, drawn: list[int], side: int) -> torch.Tensor:
    """What GlobalTextureRandomization makes of the street, encoded once for all copies: (count, 3, H, W)."""
    with torch.inference_mode():
        features = assets.features(params.image, side)
        size = assets.content(params.image, side).shape[-2:]
        stats = assets.bank.stats[drawn]
        copies = []
        for i in range(len(drawn)):  # one by one: a batch of eight needs eight times the memory and is no quicker
            moved = layer.adain(features, stats.mean[i], stats.std[i], params.alpha)
            copies.append(assets.stylizer.decode(moved, (size[0], size[1])))
    return torch.cat(copies)


def painting(assets: Assets, name: str, *, only_remembered: bool = False) -> np.ndarray | None:
    """The procedural painting that the shipped bank's name "kind-seed" stands for, small; None for other names."""
    kind, _, number = name.rpartition("-")
    if kind not in paintings.KINDS or not number.isdecimal():
        return None
    if only_remembered and not assets.remembers(("painting", name)):
        return None
    return assets.keep(("painting", name), lambda: paintings.paint(int(number), kind, 2 * INSET))


def describe(params: Params, raw: torch.Tensor, painted: torch.Tensor, styles: int) -> str:
    """The sentence under the picture."""
    spread = painted.mean((2, 3)).std(0).mean().item() if params.count > 1 else 0.0
    change = (painted - raw).abs().mean().item()
    copies = "1 copy" if params.count == 1 else f"{params.count} copies"
    words = f"{params.image} and {copies} in styles drawn with seed {params.seed} from {styles},"
    words += f" alpha {params.alpha:.2f}. A pixel changes by {255 * change:.0f} of 255 grey levels on average;"
    return words + f" the mean colour varies by {255 * spread:.0f} between the copies. The labels stay as they are."


def complete(params: Params, assets: Assets) -> Params:
    """Fill an empty name with the first image."""
    return dataclasses.replace(params, image=params.image or next(iter(assets.images)))


class GtrExplorer(Explorer):
    """One street in a grid of drawn styles: seed, alpha, number of copies.

    Args:
        params: where to start. assets: own pictures and networks. synchronous: see Explorer.
    """

    module = "gtr"
    title = "GTR: the same street, another painter at every step"
    height = 581
    upload_to = "image"

    def begin(self, params: Params | None, assets: Assets) -> Params:
        return complete(params or Params(), assets)

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def preview(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets, preview=True)

    def make_controls(self) -> Mapping[str, Any]:
        start = self.start
        counts = sorted({*COUNTS, start.count})
        return {
            "image": choice("Street", start.image, list(self.assets.images)),
            "seed": integer_box("Seed", start.seed, 0, 9999, hint="Another seed, other styles"),
            "alpha": slider("Alpha", start.alpha, 0, 1, hint="0: only encoded and decoded; 1: all of the style"),
            "count": choice("Copies", start.count, counts),
            "paintings": switch("Show the paintings", start.paintings, hint="In the corner of each copy"),
        }
