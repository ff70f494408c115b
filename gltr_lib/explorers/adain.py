"""AdaIN explorer: move a street towards one painter or between two, and watch the statistics of its features.

The bars show, for the 24 channels in which content and style differ most, the mean and the standard deviation: grey
the content's, blue the style's, orange after AdaIN. "Break it" leaves out one half of the layer.
Source: Huang and Belongie 2017 (arXiv 1703.06868), equations 8 and 14.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gltr_lib import adain as layer
from gltr_lib.explorers._base import Explorer, choice, slider
from gltr_lib.explorers._canvas import Canvas
from gltr_lib.explorers.assets import Assets, pick, shipped
from gltr_lib.viz import COLOURS

BREAKS = ("nothing", "keep the content's mean", "keep the content's std", "forget to add the style's mean")
CHANNELS = 24
SERIES = (("content", "#c3cad1", "bar"), ("style", COLOURS[0], "line"), ("after AdaIN", COLOURS[1], "dot"))


@dataclass(frozen=True)
class Params:
    """What the AdaIN explorer shows; ``mix`` 0 is all ``style``, 1 all ``second``."""

    image: str = ""
    style: str = ""
    second: str = ""
    mix: float = 0.0
    alpha: float = 1.0
    broken: str = "nothing"


def render(params: Params, assets: Assets | None = None) -> tuple[np.ndarray, str]:
    """Draw the explorer's picture.

    Args:
        params: empty names mean the first (second: the second) there is.
        assets: the shipped ones by default.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: unknown names, or numbers outside [0, 1].
    """
    assets = assets or shipped()
    params = complete(params, assets)
    for name in ("mix", "alpha"):
        if not 0 <= getattr(params, name) <= 1:
            raise ValueError(f"{name}: expected a number in [0,1], received {getattr(params, name)!r}")
    pick({b: b for b in BREAKS}, params.broken, "way to break AdaIN")
    with torch.inference_mode():
        content = assets.features(params.image)
        one, two = assets.stats(params.style), assets.stats(params.second)
        goal_mean = torch.lerp(one.mean, two.mean, params.mix)[0]
        goal_std = torch.lerp(one.std, two.std, params.mix)[0]
        mean, std = (value.flatten(1)[0] for value in layer.channel_stats(content))
        use_mean, use_std = goal_mean, goal_std
        if params.broken == BREAKS[1]:
            use_mean = mean
        elif params.broken == BREAKS[2]:
            use_std = std
        elif params.broken == BREAKS[3]:
            use_mean = torch.zeros_like(mean)
        moved = layer.adain(content, use_mean[None], use_std[None], params.alpha)
        picture = assets.stylizer.decode(moved, assets.content(params.image).shape[-2:])[0]
        new_mean, new_std = (value.flatten(1)[0] for value in layer.channel_stats(moved))
        before = ((mean - goal_mean).square() + (std - goal_std).square()).sum().sqrt().item()
        after = ((new_mean - goal_mean).square() + (new_std - goal_std).square()).sum().sqrt().item()
        chosen = ((mean - goal_mean).abs() / goal_std.clamp(min=1e-3)).topk(min(CHANNELS, len(mean))).indices.sort()[0]

    canvas = Canvas(960, 560)
    canvas.picture(assets.images[params.image], (14, 34, 300, 150), f"content: {params.image}")
    canvas.picture(assets.styles[params.style], (14, 222, 142, 134), params.style)
    if params.mix > 0:
        canvas.picture(assets.styles[params.second], (172, 222, 142, 134), params.second)
    canvas.picture(picture, (336, 34, 610, 322), f"decoded, alpha = {params.alpha:.2f}")
    rows = (("mean of each channel", mean, goal_mean, new_mean), ("std of each channel", std, goal_std, new_std))
    for column, (title, own, goal, new) in enumerate(rows):
        values = [v[chosen].double().numpy() for v in (own, goal, new)]
        series = [(name, v, colour, shape) for (name, colour, shape), v in zip(SERIES, values, strict=True)]
        canvas.marks((14 + 474 * column, 400, 458, 118), series, title)
    canvas.legend(14, 548, SERIES)
    closer = 100 * (1 - after / before) if before > 1e-6 else 0.0
    style = (
        params.style if params.mix == 0 else f"{1 - params.mix:.0%} {params.style} and {params.mix:.0%} {params.second}"
    )
    words = f"{params.image}, moved towards {style} with alpha {params.alpha:.2f}: "
    words += f"its channel statistics are {closer:.0f} % closer to the style's."
    if params.broken != BREAKS[0]:
        words += f" Broken on purpose: {params.broken}."
    return canvas.array(), words


def complete(params: Params, assets: Assets) -> Params:
    """Fill empty names with the first image and the first two styles."""
    styles = list(assets.styles)
    return Params(
        image=params.image or next(iter(assets.images)),
        style=params.style or styles[0],
        second=params.second or styles[min(1, len(styles) - 1)],
        mix=params.mix,
        alpha=params.alpha,
        broken=params.broken,
    )


class AdainExplorer(Explorer):
    """Content, one or two styles, alpha, and three ways to break the layer.

    Args:
        params: where to start. assets: own pictures and networks. synchronous: see Explorer.
    """

    module = "adain"
    title = "AdaIN: a style is two numbers a channel"
    height = 560

    def __init__(
        self, params: Params | None = None, *, assets: Assets | None = None, synchronous: bool = False
    ) -> None:
        chosen = assets or shipped()
        start = complete(params or Params(), chosen)
        super().__init__(start, chosen, own_assets=assets is not None, synchronous=synchronous)

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def make_controls(self) -> Mapping[str, Any]:
        start, styles = self.start, list(self.assets.styles)
        return {
            "image": choice("Content", start.image, list(self.assets.images)),
            "style": choice("Style", start.style, styles),
            "second": choice("Second style", start.second, styles),
            "mix": slider("Mix", start.mix, 0, 1),
            "alpha": slider("Alpha", start.alpha, 0, 1),
            "broken": choice("Break it", start.broken, BREAKS),
        }
