"""Prediction explorer: one picture, up to four networks side by side: what they see, how sure they are, where they err.

A street of the embedded world has labels, so its errors can be shown and scored. Your own picture has none: nothing is
scored then, and instead of a truth the explorer shows how many of the networks agree. One picture is an anecdote; the
scores of the course come from many (lesson 07).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gltr_lib import streets, workflows
from gltr_lib.datasets import EVAL_SEEDS
from gltr_lib.evaluate import predict_whole
from gltr_lib.evaluation import TITLES
from gltr_lib.explorers import _maps as maps
from gltr_lib.explorers._base import Explorer
from gltr_lib.explorers._canvas import Box, Canvas
from gltr_lib.explorers._fields import choice, integer_box
from gltr_lib.explorers.assets import Assets, pick, to_batch
from gltr_lib.labels import CLASSES, IGNORE, NUM_CLASSES
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.models import SHIPPED
from gltr_lib.viz import error_map

STREET = "a street with labels"
LOOKS = ("game", "overcast", "sun", "colour", "geometry", "sampled:0", "sampled:1", "sampled:2")
VIEWS = ("classes", "confidence", "errors")
ALL = "all classes"
ONLY = (ALL, *(f"{c} {name}" for c, name in enumerate(CLASSES)))
SIZE = (128, 256)
MOST = 4  # networks side by side


@dataclass(frozen=True)
class Params:
    """What the prediction explorer shows; ``scene`` and ``look`` count where ``image`` is the street with labels."""

    image: str = STREET
    scene: int = 0
    look: str = "overcast"
    view: str = "classes"
    only: str = ALL
    networks: tuple[str, ...] = SHIPPED


@dataclass(frozen=True)
class Seen:
    """One network's answer: ``classes`` uint8 (H, W), ``confidence`` (H, W), probability of the ``only`` class."""

    classes: np.ndarray
    confidence: np.ndarray
    only: np.ndarray | None


def render(params: Params, assets: Assets | None = None) -> tuple[np.ndarray, str]:
    """Draw the explorer's picture.

    Args:
        params: networks are shipped names, files, or folders of runs of ``gltr train``, one to four.
        assets: whose images may be shown; the embedded street by default.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: unknown names, a look that is reserved, too many networks, or one without the 19 classes.
    """
    assets = assets or world()
    pick({view: view for view in VIEWS}, params.view, "view")
    only = pick({name: i - 1 if i else None for i, name in enumerate(ONLY)}, params.only, "class")
    if not 1 <= len(params.networks) <= MOST:
        raise ValueError(f"networks: expected one to {MOST} names, received {len(params.networks)}")
    picture, truth = look_at(params, assets)
    answers = {name: ask(name, picture, params, assets, only) for name in params.networks}

    canvas = Canvas(960, 492)
    title = f"{params.look}, street {params.scene}" if truth is not None else params.image
    canvas.picture(picture, _box(0), title[:40])
    _truth_panel(canvas, picture, truth, [seen.classes for seen in answers.values()], only)
    scores = {}
    for place, (name, seen) in enumerate(answers.items()):
        scores[name] = _score(seen, truth, only)
        caption = f"{_short(name)}: {_caption(scores[name], seen, params.view, only)}"
        _answer_panel(canvas, _box((1, 2, 4, 5)[place]), caption, picture, truth, seen, params.view, only)
    shown = [seen.classes for seen in answers.values()] + ([] if truth is None else [truth])
    present = sorted({int(c) for m in shown for c in np.unique(m)} - {IGNORE})
    _legend(canvas, params.view, only, present, truth is None, len(answers) > 1)
    return canvas.array(), _words(params, title, scores, answers, truth, only)


def look_at(params: Params, assets: Assets) -> tuple[np.ndarray, np.ndarray | None]:
    """The picture uint8 (H, W, 3) and its labels uint8 (H, W); None for a picture without labels.

    Raises:
        ValueError: an unknown or reserved look, a scene that is none of the evaluation's, an unknown picture.
    """
    if params.image != STREET:
        batch = assets.content(params.image)
        return (batch[0].permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8), None
    workflows.check_looks([params.look])
    if not 0 <= params.scene < len(EVAL_SEEDS):
        raise ValueError(f"scene: expected a number from 0 to {len(EVAL_SEEDS) - 1}, received {params.scene!r}")
    seed = EVAL_SEEDS[params.scene]
    pair: tuple[np.ndarray, np.ndarray] = assets.keep(
        ("street", seed, params.look), lambda: streets.render(seed, params.look, SIZE)
    )
    return pair


def ask(name: str, picture: np.ndarray, params: Params, assets: Assets, only: int | None) -> Seen:
    """What a network sees in a picture; remembered, so that another view of it costs nothing."""

    def probabilities() -> torch.Tensor:
        found = predict_whole(_network(*_stamp(name)), to_batch(picture)).softmax(dim=1)[0]
        if found.shape[0] != NUM_CLASSES:
            raise ValueError(f"networks: {name} has {found.shape[0]} classes, expected the {NUM_CLASSES} of the course")
        return found

    key = ("probabilities", *_stamp(name), params.image, params.scene, params.look)
    found = assets.keep(key, probabilities)
    confidence, classes = found.max(dim=0)
    return Seen(classes.to(torch.uint8).numpy(), confidence.numpy(), None if only is None else found[only].numpy())


def _stamp(name: str) -> tuple[str, float]:
    """A network's name and when its file was written: a run that went on is read again."""
    path = Path(name)
    file = path / "model.safetensors" if path.is_dir() else path
    return name, 0.0 if name in SHIPPED or not file.is_file() else file.stat().st_mtime


@lru_cache(maxsize=8)
def _network(name: str, written: float) -> Any:
    return workflows.load_network(name)


def _score(seen: Seen, truth: np.ndarray | None, only: int | None) -> dict[str, float]:
    """Pixel accuracy and mIoU (IoU of the one class) on this picture; nothing where nobody knows the truth."""
    if truth is None:
        return {}
    matrix = ConfusionMatrix(NUM_CLASSES)
    matrix.update(seen.classes, truth)
    iou = matrix.miou() if only is None else float(matrix.iou()[only])
    return {"iou": iou, "right": matrix.pixel_accuracy()}


def _caption(score: dict[str, float], seen: Seen, view: str, only: int | None) -> str:
    if view == "confidence":
        sure = seen.confidence.mean() if seen.only is None else seen.only.mean()
        words = f"sure {sure:.0%}" if seen.only is None else f"{CLASSES[only or 0]} {sure:.0%} on average"
        return words + (f", right {score['right']:.0%}" if score and only is None else "")
    if not score:
        return "no labels, no score"
    if view == "errors" and only is None:
        return f"{1 - score['right']:.0%} of the pixels wrong"
    return ("mIoU " if only is None else f"IoU of {CLASSES[only]} ") + _percent(score["iou"])


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f}%"


def _short(name: str) -> str:
    return TITLES.get(name) or Path(name).name[-20:]


def _box(place: int) -> Box:
    row, column = divmod(place, 3)
    return (14 + 314 * column, 36 + 192 * row, 300, 150)


def _truth_panel(
    canvas: Canvas, picture: np.ndarray, truth: np.ndarray | None, guesses: list[np.ndarray], only: int | None
) -> None:
    box = _box(3)
    if truth is not None:
        shown = maps.class_map(picture, truth, only)
        maps.numbers(canvas, truth, canvas.picture(shown, box, "the truth (labels)", sharp=True), only)
        return
    if len(guesses) == 1:
        maps.blank(canvas, box, ("nobody has labelled", "this picture"), "no labels")
        return
    shared = maps.agreement(guesses)
    caption = f"no labels; all {len(guesses)} agree on {(shared == 1).mean():.0%} of the pixels"
    canvas.picture(maps.share_map(shared), box, caption, sharp=True)


def _answer_panel(
    canvas: Canvas,
    box: Box,
    caption: str,
    picture: np.ndarray,
    truth: np.ndarray | None,
    seen: Seen,
    view: str,
    only: int | None,
) -> None:
    if view == "classes":
        shown = maps.class_map(picture, seen.classes, only)
        if only is not None and truth is not None:
            shown = maps.outline(shown, truth == only)
        maps.numbers(canvas, seen.classes, canvas.picture(shown, box, caption, sharp=True), only)
    elif view == "confidence":
        canvas.picture(maps.share_map(seen.confidence if seen.only is None else seen.only), box, caption, sharp=True)
    elif truth is None:
        maps.blank(canvas, box, ("errors need labels,", "and this picture has none"), caption)
    elif only is None:
        canvas.picture(error_map(seen.classes, truth, picture), box, caption, sharp=True)
    else:
        canvas.picture(maps.class_errors(picture, seen.classes, truth, only), box, caption, sharp=True)


def _legend(
    canvas: Canvas, view: str, only: int | None, present: list[int], unlabelled: bool, several: bool = True
) -> None:
    if view == "confidence":
        whose = "the class it chose" if only is None else CLASSES[only]
        maps.share_scale(canvas, f"probability that the network gives to {whose}")
    elif view == "errors" and not unlabelled:
        names = ("right", "wrong", "without a label: not scored")
        colours: tuple[str, ...] = (*maps.ERRORS[:2], "#e1e1e1")
        if only is not None:
            names, colours = (f"{CLASSES[only]} found", "missed", "claimed, and something else is there"), maps.ERRORS
        entries = [(name, colour, "bar") for name, colour in zip(names, colours, strict=True)]
        canvas.legend(14, 410, entries)
    elif unlabelled:
        if several:  # one network alone has nobody to agree with, and the lower left says so
            maps.share_scale(canvas, "of the other networks agree (picture at the lower left)")
    elif only is not None:
        canvas.text(14, 410, "dark outline: where the class really is", size=12)
    maps.class_legend(canvas, 14, 440, present, only)


def _words(
    params: Params,
    title: str,
    scores: dict[str, dict[str, float]],
    answers: dict[str, Seen],
    truth: np.ndarray | None,
    only: int | None,
) -> str:
    words = f"{title}: {params.view}" + ("" if only is None else f" of {CLASSES[only]}")
    if truth is not None and params.view == "confidence" and only is None:
        pairs = ((_short(name), answers[name].confidence.mean(), score["right"]) for name, score in scores.items())
        said = ", ".join(f"{name} is {sure:.0%} sure and right on {right:.0%}" for name, sure, right in pairs)
        return f"{words}. {said} of the pixels. One picture is an anecdote."
    if truth is not None:
        what = "mIoU" if only is None else "IoU"
        said = ", ".join(f"{_short(name)} {_percent(score['iou'])}" for name, score in scores.items())
        if params.view == "confidence" and only is not None:
            words += f". Mean probability of it: {_mean_shares(answers, only=True)}"
        return f"{words}. {what} on this picture: {said}. One picture is an anecdote."
    words += ". Nobody has labelled this picture, so nothing is scored."
    if params.view == "confidence" and only is not None:
        return f"{words} Mean probability of {CLASSES[only]}: {_mean_shares(answers, only=True)}."
    return f"{words} Mean confidence: {_mean_shares(answers)}."


def _mean_shares(answers: dict[str, Seen], *, only: bool = False) -> str:
    """What each network gives on average: the class it chose, or the one class that is shown."""
    shares = {
        name: (seen.only if only and seen.only is not None else seen.confidence) for name, seen in answers.items()
    }
    return ", ".join(f"{_short(name)} {share.mean():.0%}" for name, share in shares.items())


@lru_cache(maxsize=1)
def world() -> Assets:
    """Assets that hold the street with labels and nothing else; own pictures join it."""
    return with_street(None)


def with_street(assets: Assets | None) -> Assets:
    """Return assets in whose list of pictures the street with labels stands."""
    plain = np.full((*SIZE, 3), 225, np.uint8)  # its name is what counts: render paints it from scene and look
    return Assets({STREET: plain}) if assets is None else assets.with_image(STREET, plain)


class PredictionExplorer(Explorer):
    """Networks side by side on one picture, your own included: classes, confidence, errors.

    Args:
        params: where to start, and which networks. assets: own pictures. synchronous: see Explorer.
    """

    module = "prediction"
    title = "What do the networks see?"
    height = 492
    upload_to = "image"

    def gather(self, assets: Assets | None) -> Assets:
        return world() if assets is None else with_street(assets)

    def begin(self, params: Params | None, assets: Assets) -> Params:
        return params or Params()

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params, self.assets)

    def make_controls(self) -> Mapping[str, Any]:
        start = self.start
        looks = LOOKS if start.look in LOOKS else (*LOOKS, start.look)
        return {
            "image": choice("Picture", start.image, list(self.assets.images)),
            "scene": integer_box("Street", start.scene, 0, len(EVAL_SEEDS) - 1, hint="one of the evaluation's streets"),
            "look": choice("Look", start.look, looks, hint="the networks were trained on the game look"),
            "view": choice("Show", start.view, VIEWS),
            "only": choice("Class", start.only, ONLY, hint="one class alone"),
        }
