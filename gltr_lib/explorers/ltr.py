"""LTR explorer: from white noise to blobs to a street that is painted in places.

The panels follow one draw: noise, the same noise blurred with a Gaussian, the histogram of that field with the cut, the
mask of what lies above it, the mix. The curve shows where on a training's schedule the share stands. The library's
blob_mask draws its noise on a coarser grid, which is quicker and has the same statistics.
Source: Peng et al., IEEE TIP 2021 (LTR); CowMask, French et al. 2020.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gltr_lib.explorers._base import Explorer
from gltr_lib.explorers._canvas import Canvas
from gltr_lib.explorers._fields import choice, integer_box, log_slider, slider
from gltr_lib.explorers._plots import curve_with_point, cut_histogram
from gltr_lib.explorers.assets import Assets, shipped
from gltr_lib.masks import threshold_field
from gltr_lib.randomize import REFERENCE_CROP, LocalTextureRandomization, share_schedule
from gltr_lib.viz import LINE, as_picture

SIGMAS = (2.0, 64.0)
POWERS = (0.1, 2.0)
SIDE = 512  # of the picture that is mixed
#: Where the panels lie on the picture: (x, y, width, height) in pixels.
PANELS = {
    "noise": (14, 34, 222, 111),
    "blurred": (251, 34, 222, 111),
    "histogram": (488, 34, 222, 127),
    "mask": (724, 34, 222, 111),
    "raw": (14, 190, 222, 111),
    "painted": (14, 339, 222, 111),
    "mixed": (251, 190, 520, 260),
    "schedule": (786, 200, 160, 170),
}


@dataclass(frozen=True)
class Params:
    """What the LTR explorer shows.

    ``sigma`` in pixels at a 640-pixel crop; ``share`` the stylised share p_0; ``position`` t/T on the schedule
    p_t = p_0 + (1 - p_0) * (t/T)^power, 0 for a constant share.
    """

    image: str = ""
    style: str = ""
    sigma: float = 16.0
    share: float = 0.5
    position: float = 0.0
    power: float = 0.1
    seed: int = 0
    rule: str = "exact"


def render(params: Params, assets: Assets | None = None) -> tuple[np.ndarray, str]:
    """Draw the explorer's picture: noise, blurred noise, histogram, mask; raw, stylised, mixed; the schedule.

    Args:
        params: empty names mean the first there is. assets: the shipped ones by default.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: unknown names, a share or position outside [0, 1], a sigma or power that is not positive.
    """
    assets = assets or shipped()
    params = complete(params, assets)
    LocalTextureRandomization(params.sigma, params.share, params.rule)  # type: ignore[arg-type]  # checks all three
    share = schedule(params, params.position)
    raw = assets.content(params.image, SIDE)
    # As bytes, kept: a slider that moves the mask must not turn the same two pictures into bytes again each time.
    before = assets.keep(("bytes", params.image), lambda: as_picture(raw[0]))
    painted = assets.keep(
        ("bytes", params.image, params.style), lambda: as_picture(assets.stylised(params.image, params.style, SIDE)[0])
    )
    height, width = raw.shape[-2:]
    sigma = params.sigma * min(height, width) / REFERENCE_CROP
    noise, field = blurred_noise(height, width, sigma, torch.Generator().manual_seed(params.seed))
    mask = threshold_field(field, share, params.rule)
    mixed = np.where(mask.bool().numpy()[:, :, None], painted, before)
    measured = mask.mean().item()
    cut = field[mask.bool()].min().item() if measured > 0 else None

    canvas = Canvas(960, 464)
    std = field.std(correction=0).item()
    canvas.picture(grey(noise / 6 + 0.5), PANELS["noise"], "1  white noise, std 1")
    canvas.picture(
        grey((field - field.mean()) / max(6 * std, 1e-12) + 0.5),
        PANELS["blurred"],
        f"2  blurred, sigma {sigma:.1f} px here",
    )
    title = "3  nothing reaches the cut" if cut is None else f"3  cut at {cut:.2g}".replace("-", "−")
    theory = 1 / (2 * math.sqrt(math.pi) * max(sigma, 0.3))  # std of white noise after a Gaussian blur
    cut_histogram(canvas, PANELS["histogram"], field.numpy(), cut, title, theory)
    canvas.picture(grey(mask), PANELS["mask"], f"4  mask: {measured:.1%} painted", sharp=True, frame=LINE)
    canvas.picture(before, PANELS["raw"], f"raw: {params.image}")
    canvas.picture(painted, PANELS["painted"], f"painted: {params.style}")
    canvas.picture(mixed, PANELS["mixed"], "5  mixed: painted in places, raw elsewhere")
    curve_with_point(
        canvas, PANELS["schedule"], lambda t: schedule(params, t), params.position, "share p over training", "t / T"
    )
    canvas.text(786, 420, f"p = {share:.1%}", size=17)
    canvas.text(786, 441, f"std of field {std:.3f}", size=12)
    return canvas.array(), describe(params, sigma, share, measured)


def grey(field: torch.Tensor) -> np.ndarray:
    """Turn a field (H, W), 0 black and 1 white, into bytes."""
    return (field.clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()


def describe(params: Params, sigma: float, share: float, measured: float) -> str:
    """The sentence under the picture."""
    words = f"{params.image}, painted in places ({params.style}): blobs of sigma {params.sigma:.1f} px at a 640-pixel"
    words += f" crop ({sigma:.1f} px here), seed {params.seed}."
    if params.position > 0:
        words += f" At t/T = {params.position:.2f} the share has grown from {params.share:.0%} (power"
        words += f" {params.power:.2f})."
    return words + f" Asked for {share:.1%}, measured {measured:.1%} ({params.rule} threshold)."


def schedule(params: Params, position: float) -> float:
    """The stylised share p_t at a position t/T of the training."""
    if not 0 <= position <= 1:
        raise ValueError(f"position: expected t/T in [0,1], received {position!r}")
    return share_schedule(position, 1, start=params.share, power=params.power)  # T is 1


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
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (steps / sigma).square())
    weights = (weights / weights.sum()).float()
    # Two products with the matrices of shifted Gaussians: ten times as fast as two convolutions of this length.
    field = _shifts(weights, height) @ noise @ _shifts(weights, width).T
    return noise[reach : reach + height, reach : reach + width], field


def _shifts(weights: torch.Tensor, size: int) -> torch.Tensor:
    """Matrix (size, size + len(weights) - 1): each row holds the weights, one place further than the row above."""
    matrix = torch.zeros(size, size + len(weights) - 1)
    matrix.as_strided((size, len(weights)), (matrix.shape[1] + 1, 1))[:] = weights
    return matrix


def complete(params: Params, assets: Assets) -> Params:
    """Fill empty names with the first image and the first style."""
    return dataclasses.replace(
        params, image=params.image or next(iter(assets.images)), style=params.style or next(iter(assets.styles))
    )


class LtrExplorer(Explorer):
    """Sigma, share, schedule, seed and threshold rule of a local texture mask.

    Args:
        params: where to start. assets: own pictures and networks. synchronous: see Explorer.
    """

    module = "ltr"
    title = "LTR: paint in places"
    height = 464
    upload_to = "image"

    def begin(self, params: Params | None, assets: Assets) -> Params:
        return complete(params or Params(), assets)

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def make_controls(self) -> Mapping[str, Any]:
        start = self.start
        return {
            "image": choice("Street", start.image, list(self.assets.images)),
            "style": choice("Style", start.style, list(self.assets.styles)),
            "sigma": log_slider("Sigma at 640", start.sigma, *SIGMAS, hint="Width of the blobs, at a 640-pixel crop"),
            "share": slider("Share", start.share, 0, 1, hint="Painted share p_0 at the start of training"),
            "position": slider("Position t/T", start.position, 0, 1, hint="How much of the training is over"),
            "power": slider("Power", start.power, *POWERS, 0.1, hint="How the share grows: 1 evenly, less: at once"),
            "seed": integer_box("Seed", start.seed, 0, 9999, hint="Another seed, another mask"),
            "rule": choice("Threshold", start.rule, ("exact", "official"), hint="Ranking, or mean and std"),
        }
