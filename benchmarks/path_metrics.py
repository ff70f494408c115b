"""The confusion matrix of one prediction, against NumPy, torchmetrics and cityscapesScripts; all counts are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from peers import numpy_confusion

from gltr_lib import streets
from gltr_lib.bench import Case, Made
from gltr_lib.masks import blob_mask
from gltr_lib.metrics import ConfusionMatrix

CLASSES = 19
Maps = Callable[[tuple[int, int]], tuple[np.ndarray, np.ndarray]]


def street_maps(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(labels of a street, a prediction: the same a little aside, on a tenth of it, in blobs, another street's)."""
    truth, other = (streets.render(seed, "game", shape)[1] for seed in range(2))
    wrong = blob_mask(1, *shape, sigma=shape[0] / 64, share=0.1, generator=torch.Generator().manual_seed(0))
    guess = np.where(wrong[0, 0].numpy() > 0, other, np.roll(truth, (1, 2), (0, 1)))
    guess[guess == 255] = 0
    return truth, guess


def noise_maps(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Maps in which every pixel is drawn for itself: no run is longer than a pixel."""
    draws = np.random.default_rng(0)
    return tuple(draws.integers(0, CLASSES, shape, np.uint8) for _ in range(2))  # type: ignore[return-value]


def grainy_maps(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A street, and a prediction with a tenth of its pixels drawn for themselves: between regions and noise."""
    truth, guess = street_maps(shape)
    drawn = np.random.default_rng(0).random(shape) < 0.1
    return truth, np.where(drawn, noise_maps(shape)[1], guess)


def case(name: str, shape: tuple[int, int], peer: Callable[[np.ndarray, np.ndarray], Callable[[], Any]], against: str,
         promised: float | None, maps: Maps = street_maps, kind: type[np.integer] = np.uint8) -> Case:  # fmt: skip
    """One peer; it gets (truth, guess) as arrays of one kind and returns the function to time."""

    def make() -> Made:
        truth, guess = (values.astype(kind) for values in maps(shape))
        theirs = peer(truth, guess)
        target, pred = torch.from_numpy(truth), torch.from_numpy(guess)

        def ours() -> torch.Tensor:
            matrix = ConfusionMatrix(CLASSES)
            matrix.update(pred, target)
            return matrix.counts

        def check(mine: Any, other: Any) -> str:
            return "" if np.array_equal(np.asarray(mine), np.asarray(other)) else "other counts"

        return Made(ours, theirs, check, bytes=2.0 * truth.nbytes)

    return Case(name, make, f"{against}, {shape[1]}x{shape[0]}", promised=promised)


def torchmetrics_peer(truth: np.ndarray, guess: np.ndarray) -> Callable[[], Any]:
    """MulticlassConfusionMatrix, counted once."""
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    target, pred = torch.from_numpy(truth).long()[None], torch.from_numpy(guess).long()[None]
    return lambda: multiclass_confusion_matrix(pred, target, num_classes=CLASSES, ignore_index=255).numpy()


def cityscapes_peer(truth: np.ndarray, guess: np.ndarray) -> Callable[[], Any]:
    """cityscapesScripts' own counting of one picture (compiled where it was built so, else its NumPy form)."""
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
    from cityscapesscripts.helpers.labels import trainId2label

    to_id = np.zeros(256, np.uint8)
    for train_id in range(CLASSES):
        to_id[train_id] = trainId2label[train_id].id
    truth_ids, guess_ids = to_id[truth], to_id[guess]
    order = [trainId2label[n].id for n in range(CLASSES)]

    def count() -> np.ndarray:
        if official.CSUPPORT:
            matrix = official.generateMatrix(official.args)
            counted = official.addToConfusionMatrix.cEvaluatePair(
                guess_ids, truth_ids, matrix, official.args.evalLabels
            )
            return np.asarray(counted)[np.ix_(order, order)]
        # What evaluatePair does with each picture: code each pair in one number and count the distinct ones.
        coded = 256 * truth_ids.astype(np.uint32) + guess_ids
        values, counts = np.unique(coded, return_counts=True)
        whole = official.generateMatrix(official.args)
        for value, number in zip(values, counts, strict=True):
            whole[value // 256, value % 256] += number
        return whole[np.ix_(order, order)]

    return count


def cases(small: bool, device: str) -> list[Case]:
    """A full Cityscapes frame, as files hold it (uint8) and as argmax gives it (int64)."""
    shape = (64, 128) if small else (1024, 2048)

    def beside_numpy(name: str, promised: float | None, maps: Maps, kind: type[np.integer] = np.uint8) -> Case:
        return case(
            name,
            shape,
            lambda t, g: lambda: numpy_confusion(t, g, CLASSES),
            "NumPy confusion matrix",
            promised,
            maps,
            kind,
        )

    return [
        beside_numpy("metrics", 3.0, street_maps),
        case("metrics, cityscapesScripts", shape, cityscapes_peer, "cityscapesScripts' counting", 5.0),
        case("metrics, torchmetrics", shape, torchmetrics_peer, "torchmetrics", None),
        beside_numpy("metrics, int64", 3.0, street_maps, np.int64),
        beside_numpy("metrics, a tenth noise", None, grainy_maps),
        beside_numpy("metrics, a tenth noise, int64", None, grainy_maps, np.int64),
        beside_numpy("metrics, noise instead of regions", None, noise_maps),
        beside_numpy("metrics, noise instead of regions, int64", None, noise_maps, np.int64),
    ]
