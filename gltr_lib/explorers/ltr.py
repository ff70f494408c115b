"""LTR explorer: from white noise to blobs to a street that is painted in places.

The panels follow one draw: noise, the same noise blurred with a Gaussian, the mask of its highest values, the mix.
The library's blob_mask draws its noise on a coarser grid, which is quicker and has the same statistics.
Source: Peng et al., IEEE TIP 2021 (LTR); CowMask, French et al. 2020.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gltr_lib.explorers._base import Explorer, choice, log_slider, slider, whole
from gltr_lib.explorers._canvas import Canvas
from gltr_lib.explorers.assets import Assets, shipped
from gltr_lib.masks import threshold_field
from gltr_lib.randomize import REFERENCE_CROP, LocalTextureRandomization

SIGMAS = (2.0, 64.0)


@dataclass(frozen=True)
class Params:
    """What the LTR explorer shows; ``sigma`` in pixels at a 640-pixel crop, ``share`` the stylised share."""

    image: str = ""
    style: str = ""
    sigma: float = 16.0
    share: float = 0.5
    seed: int = 0
    rule: str = "exact"


def render(params: Params, assets: Assets | None = None) -> tuple[np.ndarray, str]:
    """Draw the explorer's picture: noise, blurred noise, mask; raw, stylised, mixed.

    Args:
        params: empty names mean the first there is. assets: the shipped ones by default.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: unknown names, a share outside [0, 1], or a sigma that is not positive.
    """
    assets = assets or shipped()
    name = params.image or next(iter(assets.images))
    style = params.style or next(iter(assets.styles))
    LocalTextureRandomization(params.sigma, params.share, params.rule)  # type: ignore[arg-type]  # checks all three
    raw = assets.content(name)
    stylised = assets.keep(("stylised", name, style), lambda: assets.stylizer.stylize(raw, assets.stats(style)))
    height, width = raw.shape[-2:]
    sigma = params.sigma * min(height, width) / REFERENCE_CROP
    noise, field = blurred_noise(height, width, sigma, torch.Generator().manual_seed(params.seed))
    mask = threshold_field(field, params.share, params.rule)
    mixed = torch.where(mask.bool(), stylised, raw)
    measured = mask.mean().item()

    canvas = Canvas(960, 420)
    half = field.std(correction=0).clamp(min=1e-12) * 6
    panels: tuple[tuple[Any, str], ...] = (
        ((noise / 6 + 0.5).clamp(0, 1), "noise"),
        (((field - field.mean()) / half + 0.5).clamp(0, 1), f"blurred, sigma = {sigma:.1f} px here"),
        (mask, f"mask: {measured:.0%} stylised"),
        (raw[0], f"raw: {name}"),
        (stylised[0], f"stylised: {style}"),
        (mixed[0], "mixed (LTR)"),
    )
    for i, (picture, caption) in enumerate(panels):
        row, column = divmod(i, 3)
        canvas.picture(picture, (14 + 314 * column, 36 + 192 * row, 300, 150), caption, sharp=i == 2)
    words = (
        f"{name}: blobs of sigma {params.sigma:.1f} px at a 640-pixel crop ({sigma:.1f} px here), seed {params.seed}."
    )
    words += f" Asked for {params.share:.0%} stylised, measured {measured:.1%} ({params.rule} threshold)."
    return canvas.array(), words


def blurred_noise(
    height: int, width: int, sigma: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw white noise and blur it, the plain way: (noise, field), both (height, width).

    Example:
        >>> noise, field = blurred_noise(32, 48, 2.0, torch.Generator().manual_seed(0))
        >>> tuple(field.shape), bool(field.std() < noise.std())
        ((32, 48), True)
    """
    reach = math.ceil(4 * sigma)
    noise = torch.randn(height + 2 * reach, width + 2 * reach, generator=generator)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (steps / sigma).square())
    weights = weights / weights.sum()
    field = torch.nn.functional.conv2d(noise[None, None], weights.view(1, 1, -1, 1))
    field = torch.nn.functional.conv2d(field, weights.view(1, 1, 1, -1))[0, 0]
    return noise[reach : reach + height, reach : reach + width], field


class LtrExplorer(Explorer):
    """Sigma, share, seed and threshold rule of a local texture mask.

    Args:
        params: where to start. assets: own pictures and networks. synchronous: see Explorer.
    """

    module = "ltr"
    title = "LTR: paint in places"
    height = 420

    def __init__(
        self, params: Params | None = None, *, assets: Assets | None = None, synchronous: bool = False
    ) -> None:
        chosen = assets or shipped()
        p = params or Params()
        image, style = p.image or next(iter(chosen.images)), p.style or next(iter(chosen.styles))
        start = Params(image, style, p.sigma, p.share, p.seed, p.rule)
        super().__init__(start, chosen, own_assets=assets is not None, synchronous=synchronous)

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def make_controls(self) -> Mapping[str, Any]:
        start = self.start
        return {
            "image": choice("Street", start.image, list(self.assets.images)),
            "style": choice("Style", start.style, list(self.assets.styles)),
            "sigma": log_slider("Sigma at 640", start.sigma, *SIGMAS),
            "share": slider("Share", start.share, 0, 1),
            "seed": whole("Seed", start.seed, 0, 9999),
            "rule": choice("Threshold", start.rule, ("exact", "official")),
        }
