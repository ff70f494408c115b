"""Scores of tensors in memory: a network, a guess, the layout prior; and classes regrouped for other label sets.

Every score is one :class:`~gltr_lib.metrics.ConfusionMatrix` summed over all images. Beside a network's score belongs
the *layout prior*: the most frequent class at each pixel of the source labels, a "prediction" that never looks at the
image. Whole datasets at full resolution are streamed by :func:`gltr_lib.evaluate.evaluate_dataset`.

Source: Cityscapes' mIoU (Cordts et al., 2016); the groupings of classes are ours and stated with each score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib._typed import strictly_typed, typed
from gltr_lib._validate import check_device, check_range, describe
from gltr_lib.evaluate.passes import (
    evaluation_mode,
    forward_of,
    is_dense,
    most_probable,
    pictures_for,
    resized,
)
from gltr_lib.labels import IGNORE, NUM_CLASSES
from gltr_lib.metrics import ConfusionMatrix


@strictly_typed
def evaluate(
    model: nn.Module, images: Tensor, labels: Tensor, batch: int = 8, *, device: torch.device | str | None = None
) -> ConfusionMatrix:
    """Score a network at the labels' own size ("mIoU-19 @ full size" for 19 classes).

    Args:
        model: images in [0,1] -> logits (B,C,H,W).
        images: (N,3,H,W) uint8 or float in [0,1].
        labels: (N,h,w) integer trainIds, 255 = ignore; another size than the images' is allowed.
        batch: images in one forward pass.
        device: None = where the model is.

    Returns:
        One confusion matrix over all images.

    Raises:
        ValueError: not as many label maps as images.
    """
    _check_pictures(images)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"labels: expected integers (N,H,W), received {describe(labels)}")
    if labels.ndim != 3 or labels.layout is not torch.strided:
        raise ValueError(f"labels: expected integers (N,H,W), received {describe(labels)}")
    if batch < 1:
        raise ValueError(f"batch: expected at least 1, received {batch}")
    if len(images) != len(labels):
        raise ValueError(f"evaluate: {len(images)} images but {len(labels)} label maps; they come in pairs")
    if not len(images):
        raise ValueError("evaluate: no images to score")
    where = check_device(device) if device is not None else None
    matrix = None
    forward = forward_of(model, None)
    with torch.inference_mode(), evaluation_mode(model):
        for start in range(0, len(images), batch):
            target = labels[start : start + batch]
            logits = resized(forward(pictures_for(model, images[start : start + batch], where)), target.shape[-2:])
            matrix = matrix or ConfusionMatrix(logits.shape[1], IGNORE)
            matrix.update(most_probable(logits), target.to(logits.device))
    if matrix is None:
        raise ValueError("evaluate: no images to score")
    return matrix


def _check_pictures(images: Tensor) -> None:
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"images: expected uint8 or float (N,3,H,W), received {describe(images)}")
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape[1:] or not is_dense(images):
        raise ValueError(f"images: expected (N,3,H,W), received {describe(images)}")
    if images.numel() and images.is_floating_point():
        check_range(images)


@strictly_typed
def layout_prior(labels: Tensor, num_classes: int = NUM_CLASSES) -> Tensor:
    """Most frequent class at each pixel of the source labels: a guess that never looks at the image.

    Args:
        labels: integer (N,H,W) trainIds, 255 = ignore.
        num_classes: number of classes.

    Returns:
        int64 (H,W); where no image has a label, the class that is most frequent overall. Ties go to the lower class.

    Raises:
        ValueError: no labels.

    Example:
        >>> layout_prior(torch.tensor([[[0, 1]], [[0, 2]], [[1, 2]]]), num_classes=3).tolist()
        [[0, 2]]
    """
    if not 1 <= num_classes <= 65_536:
        raise ValueError(f"num_classes: expected 1 to 65,536, received {num_classes}")
    if labels.ndim != 3 or not len(labels):
        raise ValueError(f"layout_prior: expected labels (N,H,W) with N >= 1, received {describe(labels)}")
    counts = torch.stack([(labels == c).sum(0) for c in range(num_classes)])
    if not counts.any():
        raise ValueError("layout_prior: every pixel is ignored, so there is no most frequent class")
    prior = counts.argmax(0)
    return torch.where(counts.sum(0) > 0, prior, counts.sum((1, 2)).argmax())


@strictly_typed
def score_prior(prior: Tensor, labels: Tensor, num_classes: int = NUM_CLASSES) -> ConfusionMatrix:
    """Score the layout prior on labels of any size (the prior is resized, nearest).

    Args:
        prior: integer (h,w), as from ``layout_prior``.
        labels: integer (N,H,W), 255 = ignore.
        num_classes: number of classes.

    Returns:
        One confusion matrix over all label maps.
    """
    if prior.ndim != 2 or labels.ndim != 3 or 0 in labels.shape:
        raise ValueError(
            f"score_prior: expected prior (h,w) and labels (N,H,W), received {describe(prior)} and {describe(labels)}"
        )
    matrix = ConfusionMatrix(num_classes, IGNORE)
    guess = resize_labels(prior[None], tuple(labels.shape[-2:]))
    for target in labels:
        matrix.update(guess, target[None].long())
    return matrix


@strictly_typed
def resize_labels(labels: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize label maps (N,H,W) to (height, width) by nearest neighbour: classes are never blended."""
    if labels.ndim != 3 or 0 in labels.shape[1:] or min(size, default=0) < 1:
        raise ValueError(f"resize_labels: expected labels (N,H,W) and a size, received {describe(labels)} and {size}")
    if tuple(labels.shape[-2:]) == tuple(size):
        return labels.long()
    # Float32 holds every class exactly; "nearest-exact" has its samples at pixel centres, as Pillow's NEAREST.
    return F.interpolate(labels[:, None].float(), tuple(size), mode="nearest-exact")[:, 0].long()


@strictly_typed
def map_classes(labels: Tensor, table: Sequence[int]) -> Tensor:
    """Map integer labels through a table, 255 staying 255; for instance 19 trainIds to CamVid-11.

    Example:
        >>> from gltr_lib.labels import TRAIN_ID_TO_CAMVID11
        >>> map_classes(torch.tensor([[[10, 0, 255]]]), TRAIN_ID_TO_CAMVID11).tolist()
        [[[0, 3, 255]]]
    """
    if labels.is_floating_point() or labels.is_complex() or labels.layout is not torch.strided:
        raise TypeError(f"labels: expected integers, received {describe(labels)}")
    if len(table) > 256 or any(not 0 <= value <= 255 for value in table):
        raise ValueError(f"table: expected at most 256 classes, each 0..255, received {describe(table)}")
    if labels.numel() and (int(labels.min()) < 0 or int(labels.max()) > 255):
        raise ValueError(f"labels: expected 0..255, found {int(labels.min())}..{int(labels.max())}")
    lut = torch.full((256,), IGNORE, dtype=torch.int64)
    lut[: len(table)] = torch.tensor(table)
    return lut.to(labels.device)[labels.long()]


@typed
def merge(matrices: Iterable[ConfusionMatrix]) -> ConfusionMatrix:
    """Add confusion matrices: the score over the union of their images."""
    matrices = list(matrices)
    if not matrices:
        raise ValueError("merge: expected at least one confusion matrix")
    total = ConfusionMatrix(matrices[0].num_classes, matrices[0].ignore_index)
    for matrix in matrices:
        total.counts += matrix.counts
    return total
