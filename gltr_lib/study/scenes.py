"""Scores scene by scene, kept small: what an interval needs to draw scenes anew.

A mean IoU is made of sums over all scenes, so to ask how it would look on other scenes one needs the terms: for each
scene and class the pixels of the intersection and of the union. They lie beside the ledger, ``scenes/<run>.npz``, one
array a row of the ledger, under the row's definition. 64 scenes of 19 classes take a few kilobytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gltr_lib import ledger
from gltr_lib._drafts import atomic_file
from gltr_lib.evaluate import merge, predict
from gltr_lib.labels import NUM_CLASSES
from gltr_lib.metrics import ConfusionMatrix

FOLDER = "scenes"


def evaluate_scenes(
    model: nn.Module, images: Tensor, labels: Tensor, batch: int = 16, *, num_classes: int = NUM_CLASSES
) -> tuple[ConfusionMatrix, np.ndarray]:
    """Score a network as :func:`gltr_lib.evaluate.evaluate` does, and keep each scene's terms.

    Args:
        model: images in [0,1] -> logits (B,C,H,W).
        images: (N,3,H,W), uint8 or float in [0,1].
        labels: integer (N,h,w) trainIds, 255 = ignore.
        batch: images in one forward pass.
        num_classes: channels C of the logits.

    Returns:
        (one confusion matrix over all scenes, counts int64 (N,2,C)): intersection and union of each scene and class.

    Raises:
        ValueError: no images, or not as many labels.
    """
    if not len(images) or len(images) != len(labels):
        raise ValueError(f"evaluate_scenes: expected as many labels as images, received {len(labels)}, {len(images)}")
    guess = predict(model, images, batch, size=(int(labels.shape[-2]), int(labels.shape[-1])))
    matrices = []
    for one, truth in zip(guess, labels.cpu(), strict=True):
        matrix = ConfusionMatrix(num_classes)
        matrix.update(one, truth)
        matrices.append(matrix)
    return merge(matrices), np.stack([terms(matrix) for matrix in matrices])


def terms(matrix: ConfusionMatrix) -> np.ndarray:
    """Intersection and union of each class, int64 (2,C).

    Example:
        >>> matrix = ConfusionMatrix(2).update(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]))
        >>> terms(matrix).tolist()
        [[1, 1], [2, 2]]
    """
    counts = matrix.counts
    return torch.stack([counts.diag(), counts.sum(0) + counts.sum(1) - counts.diag()]).numpy()


def save(results: str | Path, run: str, definition: str, counts: np.ndarray) -> str:
    """Keep the terms of one row; the file's name, relative to the folder of results.

    Args:
        results: the ledger's folder.
        run: the row's run.
        definition: the row's definition.
        counts: integers (N,2,C).

    Returns:
        ``scenes/<run>.npz``.
    """
    path = Path(results) / FOLDER / f"{run}.npz"
    kept = dict(np.load(path, allow_pickle=False)) if path.exists() else {}
    kept[definition] = counts.astype(np.uint16 if counts.max(initial=0) < 1 << 16 else np.int32)
    with atomic_file(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **kept)
    return f"{FOLDER}/{path.name}"


def load(results: str | Path, row: ledger.Row) -> np.ndarray | None:
    """The terms behind a row, int64 (N,2,C); None where scenes were not kept (rows from before this was done)."""
    name = row.get("scenes")
    path = Path(results) / str(name)
    if not name or not path.exists():
        return None
    with np.load(path, allow_pickle=False) as kept:
        return kept[row["definition"]].astype(np.int64) if row["definition"] in kept else None
