"""Style-bank explorer: a map of all styles of a bank; pick one, mix up to three, or let a seed draw.

A style is 2C numbers (mean and std of each channel), so a bank is a cloud of points. The map shows the plane in which
the cloud is widest (two principal components) and says how much of the variation lies in it. Distances between styles
are taken in all 2C numbers, so a neighbour may look far away on the map: lines lead to it. AdaIN is linear in the
statistics, so a mix of styles lies between them on the map too.
Source: Huang and Belongie 2017, equation 15 (mixing styles); Peng et al., IEEE TIP 2021 (drawing from many paintings).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gltr_lib import paintings
from gltr_lib.explorers._base import Explorer
from gltr_lib.explorers._canvas import Box, Canvas
from gltr_lib.explorers._fields import choice, integer_box, slider
from gltr_lib.explorers.assets import Assets, pick, shipped
from gltr_lib.explorers.uploads import shrink
from gltr_lib.viz import COLOURS, INK, LINE, MUTED, PAPER

HOW = ("pick and mix", "draw one with the seed", "draw three with the seed")
NEIGHBOURS = 5
MARKS = COLOURS[:3]  # of the one to three chosen styles
MAP: Box = (14, 40, 500, 424)
_NAMED = re.compile(r"(.+)-(\d+)")


@dataclass(frozen=True)
class Params:
    """What the style-bank explorer shows; a weight of 0 leaves a style out, an empty name means the first ones."""

    image: str = ""
    how: str = HOW[0]
    style: str = ""
    weight: float = 1.0
    second: str = ""
    second_weight: float = 0.0
    third: str = ""
    third_weight: float = 0.0
    seed: int = 0
    alpha: float = 1.0


@dataclass(frozen=True)
class Map:
    """A bank seen from above: ``points`` (N, 2), the ``shares`` of variation along each axis, dots' ``colours``.

    ``brightness`` is the correlation of the first axis with the brightness of what the styles paint.
    """

    points: np.ndarray
    shares: tuple[float, float]
    colours: np.ndarray
    brightness: float


def render(params: Params, assets: Assets | None = None) -> tuple[np.ndarray, str]:
    """Draw the explorer's picture: the map, the painted street, the paintings, the neighbours.

    Args:
        params: empty names mean the first there is. assets: the shipped ones by default.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: unknown names, a negative weight or weights that are all zero, alpha outside [0, 1].
    """
    return _render(params, assets or shipped(), draft=False)


def _render(params: Params, assets: Assets, draft: bool) -> tuple[np.ndarray, str]:
    params, bank = complete(params, assets), assets.bank
    chosen, weights = chosen_styles(params, bank.names)
    table = torch.zeros(len(bank))
    table[chosen] = torch.tensor(weights)
    stats = bank.mix(table)
    with torch.inference_mode():
        painted = assets.stylizer.stylize(assets.content(params.image), stats, alpha=params.alpha)[0]
    overview = assets.keep(("style map", id(bank), params.image), lambda: make_map(assets, params.image))
    nearest = neighbours(bank, stats, leave_out=chosen)

    canvas = Canvas(960, 560)
    _draw_map(canvas, overview, bank.names, chosen, weights, nearest)
    mixed = " + ".join(f"{w:.0%} {bank.names[i]}" for i, w in zip(chosen, weights, strict=True))
    canvas.picture(painted, (540, 40, 406, 203), f"{params.image}, alpha {params.alpha:.2f}")
    for place, (index, weight) in enumerate(zip(chosen, weights, strict=True)):
        x = 540 + 138 * place
        _painting(canvas, bank.names[index], assets, (x, 282, 130, 130), draft, frame=MARKS[place])
        canvas.text(x, 275, f"{place + 1}  {bank.names[index]}", size=12)
        canvas.draw.rectangle((x, 420, x + 130 * weight, 426), fill=MARKS[place])
        canvas.text(x, 442, f"weight {weight:.0%}", size=12, colour=MUTED)
    what = "this mix" if len(chosen) > 1 else bank.names[chosen[0]]
    canvas.text(14, 497, f"nearest to {what},", size=13)
    canvas.text(14, 515, f"in all {2 * stats.mean.shape[1]} numbers:", size=13)
    for place, index in enumerate(nearest):
        x = 190 + 154 * place
        _painting(canvas, bank.names[index], assets, (x, 478, 76, 76), draft)
        for line, word in enumerate(re.split("[-_ ]", bank.names[index])[:4]):
            canvas.text(x + 82, 494 + 15 * line, word[:11], size=11, colour=MUTED)
    return canvas.array(), _words(params, mixed, bank.names, chosen, nearest, overview)


def chosen_styles(params: Params, names: Sequence[str]) -> tuple[list[int], list[float]]:
    """Numbers of the styles that are shown, and their weights, which add up to 1.

    Example:
        >>> chosen_styles(Params(style="b", weight=1, second="a", second_weight=3), ["a", "b"])
        ([1, 0], [0.25, 0.75])
    """
    pick({how: how for how in HOW}, params.how, "way to choose")
    if params.how != HOW[0]:
        generator = torch.Generator().manual_seed(params.seed)
        count = 1 if params.how == HOW[1] else 3
        drawn = torch.randint(len(names), (count,), generator=generator).tolist()  # as StyleBank.sample draws
        parts = -torch.rand(count, generator=generator).clamp(min=1e-9).log()  # even over all mixtures
        pairs = list(zip(drawn, (parts / parts.sum()).tolist(), strict=True))
    else:
        places = {name: i for i, name in enumerate(names)}
        asked = (
            (params.style, params.weight),
            (params.second, params.second_weight),
            (params.third, params.third_weight),
        )
        if any(not weight >= 0 for _, weight in asked) or not any(weight > 0 for _, weight in asked):
            raise ValueError(f"weights: expected numbers >= 0, one of them above 0, received {[w for _, w in asked]}")
        total = sum(weight for _, weight in asked)
        pairs = [(pick(places, name, "style of this bank"), weight / total) for name, weight in asked if weight > 0]
    together: dict[int, float] = {}
    for index, weight in pairs:  # the same style twice is one style with both weights
        together[index] = together.get(index, 0.0) + weight
    return list(together), list(together.values())


def make_map(assets: Assets, image: str) -> Map:
    """Look at a bank from above: the plane of its two principal components; every dot in the colour it paints.

    Args:
        assets: their bank and stylizer. image: the street whose small copy is painted for the colours.

    Returns:
        Map. Axes point so that the largest loading is positive: the same map everywhere.
    """
    stats = assets.bank.stats
    numbers = torch.cat([stats.mean, stats.std], dim=1).double()
    centred = numbers - numbers.mean(dim=0)
    _, spread, axes = torch.linalg.svd(centred, full_matrices=False)
    axes = axes * axes.gather(1, axes.abs().argmax(dim=1, keepdim=True)).sign()
    shares = spread.square() / spread.square().sum().clamp(min=1e-12)
    points = torch.zeros(len(centred), 2, dtype=torch.float64)
    points[:, : min(2, len(axes))] = centred @ axes[:2].T
    small = assets.content(image, side=32)
    tiny = [
        assets.stylizer.stylize(small.expand(len(part), -1, -1, -1), part).mean(dim=(2, 3))
        for part in (stats[i : i + 64] for i in range(0, len(stats), 64))
    ]
    mean_colour = torch.cat(tiny)
    first, second = [*shares.tolist(), 0.0, 0.0][:2]
    brightness = 0.0
    if len(points) > 1:
        together = torch.corrcoef(torch.stack([points[:, 0], mean_colour.mean(dim=1).double()]))
        brightness = together[0, 1].nan_to_num(0.0).item()
    return Map(points.numpy(), (first, second), (mean_colour * 255).round().to(torch.uint8).numpy(), brightness)


def neighbours(bank: Any, stats: Any, *, leave_out: Sequence[int] = ()) -> list[int]:
    """Numbers of the styles of a bank that are nearest to a style, in all its numbers.

    Args:
        bank: a StyleBank. stats: StyleStats of one style. leave_out: numbers that do not count.
    """
    distance: Tensor = ((bank.stats.mean - stats.mean).square() + (bank.stats.std - stats.std).square()).sum(dim=1)
    order = distance.argsort(stable=True).tolist()
    return [index for index in order if index not in leave_out][:NEIGHBOURS]


def kind_of(name: str) -> str:
    """The kind of painting that a bank's name tells: "night_sky-4" is a "night_sky"; "" where it tells none."""
    found = _NAMED.fullmatch(name)
    return found[1] if found and found[1] in paintings.KINDS else ""


@lru_cache(maxsize=256)
def _thumbnail(name: str) -> np.ndarray:
    found = _NAMED.fullmatch(name)
    if found is None:
        raise ValueError(f"no painting is known by the name {name!r}")
    return shrink(paintings.paint(int(found[2]), found[1], 256), 130)


_ready: set[str] = set()  # paintings that are painted: a draft shows them, and leaves out the others


def _painting(canvas: Canvas, name: str, assets: Assets, box: Box, draft: bool, frame: str = "") -> None:
    """Show the painting behind a style: the user's own picture of that name, or the procedural one, or say so."""
    x, y, wide, high = box
    if name in assets.styles:
        canvas.picture(assets.styles[name], box, frame=frame)
    elif kind_of(name) and (name in _ready or not draft):
        canvas.picture(_thumbnail(name), box, frame=frame)
        _ready.add(name)
    else:
        canvas.draw.rectangle((x, y, x + wide - 1, y + high - 1), fill="#f1f3f5", outline=frame or LINE)
        words = ("…",) if kind_of(name) else ("its picture", "is not in", "the bank")
        for line, word in enumerate(words):
            top = y + high / 2 + 14 * (line - (len(words) - 1) / 2)
            canvas.text(x + wide / 2, top, word, size=11, colour=MUTED, anchor="mm")


def _draw_map(
    canvas: Canvas,
    overview: Map,
    names: Sequence[str],
    chosen: Sequence[int],
    weights: Sequence[float],
    nearest: Sequence[int],
) -> None:
    x, y, wide, high = MAP
    shares = overview.shares
    canvas.text(x, y - 8, f"{len(names)} styles; this plane holds {sum(shares):.0%} of how they differ")
    canvas.draw.rectangle((x, y, x + wide, y + high), fill="#fafbfc", outline=LINE)
    low, top = overview.points.min(axis=0), overview.points.max(axis=0)
    scale = min((wide - 40) / max(top[0] - low[0], 1e-9), (high - 60) / max(top[1] - low[1], 1e-9))
    middle = (low + top) / 2

    def at(point: np.ndarray) -> tuple[float, float]:
        return x + wide / 2 + scale * (point[0] - middle[0]), y + high / 2 - 4 - scale * (point[1] - middle[1])

    def dot(px: float, py: float, radius: float, fill: Any, outline: str, width: int = 1) -> None:
        canvas.draw.ellipse(
            (px - radius, py - radius, px + radius, py + radius), fill=fill, outline=outline, width=width
        )

    places = [at(point) for point in overview.points]
    kin = {kind_of(names[i]) for i in chosen} - {""}
    for (px, py), colour, name in zip(places, overview.colours, names, strict=True):
        alike = kind_of(name) in kin
        dot(px, py, 6 if alike else 5, tuple(int(c) for c in colour), INK if alike else PAPER, 2 if alike else 1)
    centre = at(np.asarray(weights) @ overview.points[list(chosen)])
    for index in nearest:
        canvas.draw.line((*centre, *places[index]), fill=INK, width=1)
    if len(chosen) > 1:
        corners = [places[i] for i in chosen]
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            canvas.draw.line((*a, *b), fill=INK, width=2)
    for place, index in enumerate(chosen):
        px, py = places[index]
        dot(px, py, 10, MARKS[place], PAPER, 2)
        canvas.text(px, py, str(place + 1), size=12, colour=PAPER, anchor="mm")
    if len(chosen) > 1:
        px, py = centre
        canvas.draw.polygon([(px, py - 9), (px + 9, py), (px, py + 9), (px - 9, py)], fill=INK, outline=PAPER)
    note = f"→ {shares[0]:.0%} of the variation (r = {overview.brightness:.2f} with brightness)    ↑ {shares[1]:.0%}"
    canvas.text(x + 8, y + high - 8, note.replace("-", "−"), size=11, colour=MUTED)
    if kin:
        canvas.text(x + wide - 8, y + 16, "dark rings: the same kind", size=11, colour=MUTED, anchor="rs")


def _words(
    params: Params, mixed: str, names: Sequence[str], chosen: Sequence[int], nearest: Sequence[int], overview: Map
) -> str:
    drawn = "" if params.how == HOW[0] else f" (drawn with seed {params.seed})"
    words = f"{params.image} in the style of {mixed}{drawn}, alpha {params.alpha:.2f}."
    if nearest:
        words += f" Nearest of {len(names)}: {', '.join(names[i] for i in nearest)}"
        kind = kind_of(names[chosen[0]]) if len(chosen) == 1 else ""
        same = sum(kind_of(names[i]) == kind for i in nearest)
        words += f"; {same} of {len(nearest)} are of its kind." if kind else "."
    words += f" The map holds {sum(overview.shares):.0%} of how the styles differ; from left to right,"
    return words + f" brightness changes with r = {overview.brightness:.2f}.".replace("-", "−")


def complete(params: Params, assets: Assets) -> Params:
    """Fill empty names with the first image and the first three styles."""
    names = assets.bank.names
    return replace(
        params, image=params.image or next(iter(assets.images)), style=params.style or names[0],
        second=params.second or names[min(1, len(names) - 1)], third=params.third or names[min(2, len(names) - 1)],
    )  # fmt: skip


class StyleBankExplorer(Explorer):
    """A bank's map: pick a style, mix up to three, or draw with a seed.

    Args:
        params: where to start. assets: own pictures, networks and bank. synchronous: see Explorer.
    """

    module = "bank"
    title = "The style bank: a museum seen from above"
    height = 560
    upload_to = "image"

    def begin(self, params: Params | None, assets: Assets) -> Params:
        return complete(params or Params(), assets)

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def preview(self, params: Params) -> tuple[np.ndarray, str]:
        return _render(params, self.assets, draft=True)  # paintings that nobody has painted yet come later

    def make_controls(self) -> Mapping[str, Any]:
        start = self.start
        # By kind, then by number: typing the first letters of a kind jumps to it.
        names = sorted(self.assets.bank.names, key=lambda n: (kind_of(n), len(n), n))
        return {
            "image": choice("Street", start.image, list(self.assets.images)),
            "how": choice("How", start.how, HOW, hint="pick styles below, or let the seed draw them"),
            "style": choice("Style 1", start.style, names),
            "weight": slider("Weight 1", start.weight, 0, 1),
            "second": choice("Style 2", start.second, names),
            "second_weight": slider("Weight 2", start.second_weight, 0, 1),
            "third": choice("Style 3", start.third, names),
            "third_weight": slider("Weight 3", start.third_weight, 0, 1),
            "seed": integer_box("Seed", start.seed, 0, 9999, hint="for the two ways to draw"),
            "alpha": slider("Alpha", start.alpha, 0, 1),
        }
