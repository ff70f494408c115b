"""AdaIN explorer: move a street towards one painter or between four, and watch the statistics of its features.

The bars show, for the 24 channels in which content and style differ most, the mean and the standard deviation: grey
the content's, blue the style's, orange after AdaIN. "Break it" leaves out one half of the layer. "Keep the colours"
takes only the painted picture's luminance (Gatys et al. 2016, arXiv 1606.05897, section 5): with luma
Y = 0.299 R + 0.587 G + 0.114 B of the gamma-coded pixels, the result is content + (Y_painted - Y_content) in all three
channels, clamped to [0, 1]; so Cb and Cr stay the content's wherever nothing is clamped. Their histogram matching of
the style's luminance is left out.
Source: Huang and Belongie 2017 (arXiv 1703.06868), equations 8 (AdaIN), 14 (alpha) and 15 (mixing styles).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gltr_lib import adain as layer
from gltr_lib._validate import check_share
from gltr_lib.explorers._base import Explorer
from gltr_lib.explorers._canvas import Canvas
from gltr_lib.explorers._fields import choice, slider, switch
from gltr_lib.explorers.assets import SIDE, Assets, pick, shipped
from gltr_lib.viz import COLOURS, MUTED

BREAKS = ("nothing", "keep the content's mean", "keep the content's std", "forget to add the style's mean")
CHANNELS = 24
FULL = 512  # longer side of the painted picture; a draft has SIDE
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SERIES = (("content", "#c3cad1", "bar"), ("style", COLOURS[0], "line"), ("after AdaIN", COLOURS[1], "dot"))
STYLES = ("style", "second", "third", "fourth")


@dataclass(frozen=True)
class Params:
    """What the AdaIN explorer shows; the weights (>= 0) are divided by their sum."""

    image: str = ""
    style: str = ""
    weight1: float = 1.0
    second: str = ""
    weight2: float = 0.0
    third: str = ""
    weight3: float = 0.0
    fourth: str = ""
    weight4: float = 0.0
    alpha: float = 1.0
    keep_colours: bool = False
    broken: str = "nothing"

    @property
    def mixture(self) -> list[tuple[str, float]]:
        """The styles that take part, with weights that add up to 1."""
        weights = [getattr(self, f"weight{i + 1}") for i in range(len(STYLES))]
        total = sum(weights)
        return [(getattr(self, s), w / total) for s, w in zip(STYLES, weights, strict=True) if w > 0]


def render(params: Params, assets: Assets | None = None, *, preview: bool = False) -> tuple[np.ndarray, str]:
    """Draw the explorer's picture.

    Args:
        params: empty names mean the first (second, third, fourth) there is.
        assets: the shipped ones by default.
        preview: a draft of half the size, in which strokes look coarser.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: unknown names, alpha outside [0, 1], weights that are negative or all 0.
    """
    assets = assets or shipped()
    params = complete(params, assets)
    check(params)
    with torch.inference_mode():
        goal_mean, goal_std = goal(params, assets)
        content = assets.features(params.image, SIDE if preview else FULL)
        raw = assets.content(params.image, SIDE if preview else FULL)
        mean, std = (value.flatten(1)[0] for value in layer.channel_stats(content))
        use_mean, use_std = goal_mean, goal_std
        if params.broken == BREAKS[1]:
            use_mean = mean
        elif params.broken == BREAKS[2]:
            use_std = std
        elif params.broken == BREAKS[3]:
            use_mean = torch.zeros_like(mean)
        moved = layer.adain(content, use_mean[None], use_std[None], params.alpha)
        picture = assets.stylizer.decode(moved, raw.shape[-2:])
        if params.keep_colours:
            picture = keep_colours(raw, picture)
        after = tuple(value.flatten(1)[0] for value in layer.channel_stats(moved))
    canvas = draw(params, assets, picture, (mean, std), (goal_mean, goal_std), after)
    return canvas.array(), describe(params, assets, picture, (mean, std), (goal_mean, goal_std), after, preview)


def goal(params: Params, assets: Assets) -> tuple[torch.Tensor, torch.Tensor]:
    """The weighted mean of the styles' statistics: (mean, std), each (C)."""
    parts = [(assets.stats(name), weight) for name, weight in params.mixture]
    mean = torch.stack([weight * stats.mean[0] for stats, weight in parts]).sum(0)
    return mean, torch.stack([weight * stats.std[0] for stats, weight in parts]).sum(0)


def keep_colours(content: torch.Tensor, painted: torch.Tensor) -> torch.Tensor:
    """Give the content the painted picture's luma and leave its chroma (see above).

    Args:
        content: float (B, 3, H, W) in [0, 1]. painted: like it.

    Returns:
        Tensor like ``content``, in [0, 1].

    Source:
        Gatys, Bethge, Hertzmann, Shechtman 2016 (arXiv 1606.05897), "luminance-only transfer".

    Example:
        >>> red, grey = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1), torch.full((1, 3, 1, 1), 0.25)
        >>> [round(v, 3) for v in keep_colours(red, grey).flatten().tolist()]
        [0.951, 0.0, 0.0]
    """
    luma = torch.tensor(LUMA, dtype=content.dtype, device=content.device).view(1, 3, 1, 1)
    change = ((painted - content) * luma).sum(1, keepdim=True)
    return (content + change).clamp(0.0, 1.0)


Stats = tuple[torch.Tensor, ...]


def draw(params: Params, assets: Assets, picture: torch.Tensor, own: Stats, wanted: Stats, after: Stats) -> Canvas:
    """Lay out content, styles, the painted picture and the bars."""
    canvas = Canvas(960, 566)
    canvas.picture(assets.images[params.image], (14, 34, 300, 150), f"content: {params.image}")
    mixture = params.mixture
    alone = max(getattr(params, f"weight{i + 1}") for i in range(len(STYLES))) if len(mixture) == 1 else 0.0
    for i, (name, weight) in enumerate(mixture):
        place = (14 + 158 * (i % 2), 222 + 80 * (i // 2))
        if len(mixture) <= 2:
            canvas.picture(assets.styles[name], (*place, 142, 134), "" if alone else f"{weight:.0%} {name}")
            if alone:
                canvas.text(place[0], place[1] - 7, f"{name}: weight {alone:.2f} = 100%", room=300)
        else:  # three or four: small, the words beside them
            _, _, wide, _ = canvas.picture(assets.styles[name], (place[0], place[1] - 12, 66, 66))
            canvas.text(place[0] + wide + 8, place[1] + 14, f"{weight:.0%}", size=15)
            canvas.text(place[0] + wide + 8, place[1] + 32, name, size=11, colour=MUTED, room=80)
    kept = ", the content's colours kept" if params.keep_colours else ""
    broken = f"  –  broken: {params.broken}" if params.broken != BREAKS[0] else ""
    canvas.picture(picture[0], (336, 34, 610, 322), f"decoded, alpha = {params.alpha:.2f}{kept}{broken}")
    scale = wanted[1].clamp(min=1e-3)
    chosen = ((own[0] - wanted[0]).abs() / scale).topk(min(CHANNELS, len(scale))).indices.sort()[0]
    below = f"{len(chosen)} of {len(scale)} channels: those whose means differ most"
    for column, title in enumerate(("mean of each channel", "standard deviation of each channel")):
        values = [stats[column][chosen].double().numpy() for stats in (own, wanted, after)]
        series = [(name, v, colour, shape) for (name, colour, shape), v in zip(SERIES, values, strict=True)]
        canvas.marks((14 + 474 * column, 402, 458, 118), series, title, below)
    canvas.legend(48, 556, SERIES)
    return canvas


def describe(
    params: Params, assets: Assets, picture: torch.Tensor, own: Stats, wanted: Stats, after: Stats, preview: bool
) -> str:
    """The sentence under the picture; only the full picture is encoded again to see what the decoder kept."""
    mixture = params.mixture
    style = " + ".join(f"{weight:.0%} {name}" if len(mixture) > 1 else name for name, weight in mixture)
    words = f"{params.image}, moved towards {style} with alpha {params.alpha:.2f}: "
    words += f"the channel statistics of its features are {closer(own, wanted, after):.0f}% closer to the style's"
    if not preview:
        with torch.inference_mode():
            again = tuple(v.flatten(1)[0] for v in layer.channel_stats(assets.stylizer.encode(picture)))
        words += f"; of the decoded picture, encoded again, {closer(own, wanted, again):.0f}%"
    words += "."
    if params.keep_colours:
        words += " The content's colours are kept: only luminance is painted."
    if params.broken != BREAKS[0]:
        words += f" Broken on purpose: {params.broken}."
    return words


def closer(own: Stats, wanted: Stats, now: Stats) -> float:
    """By how many per cent the distance to the wanted statistics has shrunk; negative where it grew."""
    before, after = (_distance(stats, wanted) for stats in (own, now))
    return 100 * (1 - after / before) if before > 1e-6 else 0.0


def _distance(one: Stats, other: Stats) -> float:
    return (torch.cat(one) - torch.cat(other)).norm().item()


def check(params: Params) -> None:
    """Refuse what cannot be drawn: ValueError names the field."""
    check_share(params.alpha, "alpha")
    pick({b: b for b in BREAKS}, params.broken, "way to break AdaIN")
    weights = [getattr(params, f"weight{i + 1}") for i in range(len(STYLES))]
    if not all(np.isfinite(w) and w >= 0 for w in weights) or sum(weights) <= 0:
        raise ValueError(f"weights: expected numbers >= 0, one of them above 0, received {weights}; raise one of them")


def complete(params: Params, assets: Assets) -> Params:
    """Fill empty names with the first image and the first four styles."""
    known = list(assets.styles)
    names: dict[str, Any] = {s: getattr(params, s) or known[min(i, len(known) - 1)] for i, s in enumerate(STYLES)}
    return dataclasses.replace(params, image=params.image or next(iter(assets.images)), **names)


class AdainExplorer(Explorer):
    """Content, up to four styles with weights, alpha, the content's colours, and three ways to break the layer.

    Args:
        params: where to start. assets: own pictures and networks. synchronous: see Explorer.
    """

    module = "adain"
    title = "AdaIN: a style is two numbers a channel"
    height = 566
    upload_to = "image"

    def begin(self, params: Params | None, assets: Assets) -> Params:
        return complete(params or Params(), assets)

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def preview(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets, preview=True)

    def make_controls(self) -> Mapping[str, Any]:
        start, styles = self.start, list(self.assets.styles)
        controls: dict[str, Any] = {
            "image": choice("Content", start.image, list(self.assets.images)),
            "alpha": slider("Alpha", start.alpha, 0, 1, hint="0: only encoded and decoded; 1: all of the style"),
        }
        for i, (field, name) in enumerate(zip(STYLES, ("Style", "Second", "Third", "Fourth"), strict=True)):
            controls[field] = choice(name if i == 0 else f"{name} style", getattr(start, field), styles)
            weight = getattr(start, f"weight{i + 1}")
            hint = f"How much of the {name.lower()} style; 0 leaves it out" if i else "How much of the first style"
            controls[f"weight{i + 1}"] = slider(f"Weight {i + 1}", weight, 0, 1, hint=hint)
        controls["broken"] = choice("Break it", start.broken, BREAKS, hint="Leave out one half of the layer")
        controls["keep_colours"] = switch("Keep the content's colours", start.keep_colours, hint="Paint luminance only")
        return controls
