"""Augmentation composer: from the source picture to what the network sees, with proof that the labels still fit.

Stages in the order of a training step (:mod:`gltr_lib.views`): crop and mirror move picture and labels together;
GTR paints; LTR keeps part of the raw picture; photometry changes brightness, contrast, saturation and sharpness. The
draws are those of step 0 of a run with this seed, so the last picture is the training picture, bit for bit.

Three proofs, none by assertion. The labels after each stage are compared with those before it, pixel by pixel. The crop
moves the classes once more by another way, as pictures, and counts labels that contradict it. And the label map is slid
sideways under the picture: where both fit, contours meet edges, and the curve has its peak at a shift of zero. "Break
it" moves the picture and forgets the labels; the proofs then say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gltr_lib import streets
from gltr_lib._step import GEOMETRY, PHOTOMETRY, TEXTURE, step_seed
from gltr_lib.baselines import policy as rivals
from gltr_lib.config import METHODS, TrainConfig
from gltr_lib.datasets import TRAIN_SEEDS
from gltr_lib.explorers._base import Explorer
from gltr_lib.explorers._canvas import Canvas
from gltr_lib.explorers._fields import choice, integer_box, slider, switch
from gltr_lib.explorers._proofs import SHIFTS, contours, contradictions, fit_chart, fit_curve
from gltr_lib.explorers.assets import Assets, pick, shipped
from gltr_lib.randomize import GlobalTextureRandomization, LocalTextureRandomization
from gltr_lib.views import apply_geometry, draw_geometry, photometric
from gltr_lib.viz import COLOURS, MUTED, overlay

RUN = TrainConfig(METHODS["gtr_ltr"], scale=(1.0, 1.0))  # crop, mirror, jitter and blur as in the study: no zoom
MOVED = 6
BREAKS = ("nothing", "mirror the picture alone", f"move the picture alone by {MOVED} px")
OFF = "#e9ecef"


@dataclass(frozen=True)
class Params:
    """What the composer shows: which stages act on which street, and how strongly."""

    scene: int = 3
    seed: int = 0
    crop: bool = True
    gtr: bool = True
    ltr: bool = True
    photometry: bool = True
    alpha: float = 1.0
    share: float = 0.5
    broken: str = BREAKS[0]


@dataclass(frozen=True)
class Stage:
    """A stage's result: ``picture`` float (3, H, W), ``labels`` (H, W), of which some are ``wrong``, its ``note``."""

    name: str
    picture: Tensor
    labels: Tensor
    wrong: int
    note: str


def compose(params: Params, assets: Assets) -> list[Stage]:
    """Run the stages; one that is switched off hands on what it got.

    Args:
        params: see Params. assets: their stylizer and bank paint.

    Returns:
        Five stages: source, crop, GTR, LTR, photometry.

    Raises:
        ValueError: no such street, numbers outside [0, 1], an unknown way to break it.
    """
    pick({way: way for way in BREAKS}, params.broken, "way to break it")
    if params.scene not in TRAIN_SEEDS:
        raise ValueError(f"scene: expected a street from 0 to {TRAIN_SEEDS[-1]}, received {params.scene!r}")
    source, maps = assets.keep(("source", params.scene), lambda: streets.render(params.scene, "game", RUN.crop))
    images, labels = torch.from_numpy(source).permute(2, 0, 1)[None], torch.from_numpy(maps)[None]
    raw = images.float() / 255
    stages = [Stage("source", raw[0], labels[0], 0, "game look")]

    picture, target = raw, labels.long()
    if params.crop:
        geometry = draw_geometry(
            1, RUN.crop, RUN.crop, scale=RUN.scale, flip=RUN.flip, generator=_stream(params.seed, GEOMETRY)
        )
        picture, target = apply_geometry(images, labels, geometry, RUN.crop)
        wrong = contradictions(labels, target, geometry)
        note = "mirrored" if bool(geometry.mirror[0]) else "not mirrored"
    else:
        wrong, note = 0, "switched off"
    if params.broken != BREAKS[0]:
        picture, there = (_move(t, params.broken) for t in (picture, target))
        wrong += int((there != target).sum())  # where the labels would have had to go, and did not
        note = "mirrored alone" if params.broken == BREAKS[1] else f"moved alone by {MOVED} px"
    stages.append(Stage("crop", picture[0], target[0], wrong, note))

    before = target.clone()
    texture = _stream(params.seed, TEXTURE)
    gtr = GlobalTextureRandomization(assets.stylizer, assets.bank, params.alpha)
    local = LocalTextureRandomization(RUN.method.sigma, params.share)
    painted = gtr(picture, generator=texture) if params.gtr else picture
    stages.append(_after("GTR", painted, target, before, wrong, f"alpha {params.alpha:.2f}" if params.gtr else OFF))
    mixed, mask = local(picture, painted, generator=texture)
    if not params.ltr:
        mixed = painted
    note = (f"{mask.mean():.0%} painted" if params.gtr else "nothing to mix: no paint") if params.ltr else OFF
    stages.append(_after("LTR", mixed, target, before, wrong, note))
    shake = _stream(params.seed, PHOTOMETRY)
    photometric(painted, jitter=RUN.jitter, blur=RUN.blur, generator=shake)  # the global view's draw comes first
    final = photometric(mixed, jitter=RUN.jitter, blur=RUN.blur, generator=shake) if params.photometry else mixed
    stages.append(_after("photometry", final, target, before, wrong, "" if params.photometry else OFF))
    return stages


def _stream(seed: int, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed(step_seed(seed, 0, stream))


def _after(name: str, picture: Tensor, labels: Tensor, before: Tensor, wrong: int, note: str) -> Stage:
    changed = int((labels != before).sum())
    return Stage(name, picture[0], labels[0], wrong + changed, "switched off" if note == OFF else note)


def share_of(count: int, whole: int) -> str:
    """A count and how much of the whole it is.

    Example:
        >>> share_of(6519, 32768), share_of(0, 32768)
        ('6,519 (20%)', '0')
    """
    return f"{count:,} ({100 * count / whole:.{0 if count > whole / 200 else 2}f}%)" if count else "0"


def _move(pixels: Tensor, way: str) -> Tensor:
    return pixels.flip(-1) if way == BREAKS[1] else pixels.roll(MOVED, -1)


def render(params: Params, assets: Assets | None = None) -> tuple[np.ndarray, str]:
    """Draw the composer's picture: the stages, their labels, the rivals, the fit.

    Args:
        params: see Params. assets: the shipped ones by default.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: what :func:`compose` refuses.
    """
    assets = assets or shipped()
    stages = compose(params, assets)
    crop, final = stages[1], stages[-1]
    canvas = Canvas(960, 588)
    for i, stage in enumerate(stages):
        x = 14 + 188 * i
        name = "training picture" if i == 4 and params.photometry else stage.name
        canvas.picture(stage.picture, (x, 32, 180, 90), f"{i + 1}  {name}", frame=COLOURS[0] if i == 4 else "")
        canvas.text(x, 137, stage.note, size=11, colour=MUTED)
        canvas.picture(overlay(stage.picture, stage.labels), (x, 146, 180, 90))
        wrong = share_of(stage.wrong, stage.labels.numel())
        words = f"wrong labels: {wrong}" if i else "labels of the source"
        canvas.text(x, 252, words, size=12, colour="#a33f00" if stage.wrong else MUTED)
    _rivals(canvas, params, crop.picture, 276)
    curves = {"crop": fit_curve(crop.picture, crop.labels), "training picture": fit_curve(final.picture, final.labels)}
    fit_chart(canvas, (14, 440, 300, 112), curves)
    canvas.picture(contours(crop.picture, crop.labels), (330, 424, 300, 150), "2 with the contours of its labels")
    canvas.picture(contours(final.picture, final.labels), (646, 424, 300, 150), "5 with the same contours")
    return canvas.array(), _words(params, stages, curves["training picture"])


def _rivals(canvas: Canvas, params: Params, crop: Tensor, y: float) -> None:
    """The same crop under other recipes, each with how far it moves a pixel on average."""
    whole = (crop * 255).round().to(torch.uint8)
    stream = 8 + PHOTOMETRY  # streams of their own: they must not follow the draws of the stages
    made = {
        "jitter and blur, strong": photometric(
            crop[None], jitter=0.5, blur=1.0, generator=_stream(params.seed, stream)
        )[0],
        "RandAugment (Cubuk 2020)": rivals.rand_augment(whole, _stream(params.seed, stream + 1)),
        "TrivialAugment (Müller 2021)": rivals.trivial_augment(whole, _stream(params.seed, stream + 2)),
        "AugMix (Hendrycks 2020)": rivals.aug_mix(whole, _stream(params.seed, stream + 3)),
    }
    canvas.text(14, y + 4, "Rivals, from picture 2")
    said = (
        "Colours and sharpness,", "no shears or shifts:", "their labels stay", "where they are. Below:",
        "mean change of a pixel.",
    )  # fmt: skip
    for line, words in enumerate(said):
        canvas.text(14, y + 26 + 17 * line, words, size=12, colour=MUTED)
    for i, (name, picture) in enumerate(made.items()):
        x = 202 + 188 * i
        canvas.text(x, y + 4, name, size=11)
        canvas.picture(picture, (x, y + 11, 180, 90))
        pixels = picture.float() / 255 if picture.dtype == torch.uint8 else picture
        change = 255 * (pixels - crop).abs().mean().item()
        canvas.text(x, y + 117, f"{change:.0f} of 255 grey levels", size=11, colour=MUTED)


def _words(params: Params, stages: list[Stage], fit: np.ndarray) -> str:
    active = [
        name for name, on in zip(("crop", "GTR", "LTR", "photometry"),
                                 (params.crop, params.gtr, params.ltr, params.photometry), strict=True) if on
    ]  # fmt: skip
    final = stages[-1]
    words = f"Street {params.scene}, seed {params.seed}: source, {', '.join(active) or 'nothing more'}."
    words += f" {final.wrong:,} of {final.labels.numel():,} label pixels are wrong"
    words += "." if params.broken == BREAKS[0] else f", broken on purpose: {params.broken}."
    words += f" Labels and training picture fit best at a shift of {SHIFTS[int(fit.argmax())]} pixels (edges there are"
    words += f" {fit.max():.1f} times as strong under contours as elsewhere)."
    change = 255 * (final.picture - stages[1].picture).abs().mean().item()
    return words + f" From the crop on, a pixel moved by {change:.0f} of 255 grey levels on average."


class AugmentationComposer(Explorer):
    """From the source to the training picture: switch stages, break the labels, compare with rivals.

    Args:
        params: where to start. assets: own stylizer and bank. synchronous: see Explorer.
    """

    module = "composer"
    title = "The augmentation composer: what the network sees, and whether its labels still fit"
    height = 588

    def begin(self, params: Params | None, assets: Assets) -> Params:
        return params or Params()

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def make_controls(self) -> Mapping[str, Any]:
        start = self.start
        return {
            "scene": integer_box("Street", start.scene, 0, TRAIN_SEEDS[-1], hint="one of the training streets"),
            "seed": integer_box("Seed", start.seed, 0, 9999, hint="of the run; this is its first step"),
            "crop": switch("Crop and mirror", start.crop),
            "gtr": switch("GTR: paint", start.gtr),
            "ltr": switch("LTR: paint in places", start.ltr),
            "photometry": switch("Photometry", start.photometry),
            "alpha": slider("Alpha", start.alpha, 0, 1),
            "share": slider("Share", start.share, 0, 1, hint="of the picture that LTR leaves painted"),
            "broken": choice("Break it", start.broken, BREAKS),
        }
