"""Predictions and scores, each under a protocol that its name carries.

The same predictions get different mIoUs when labels are shrunk before scoring, when another class list is used, or when
images are averaged instead of counts. So every score here is a :class:`~gltr_lib.metrics.ConfusionMatrix` summed over
all images, and every protocol has a name that says what was done. Beside a network's score belongs the *layout prior*:
the most frequent class at each pixel of the source labels, a "prediction" that never looks at the image.

Source: Cityscapes' mIoU (Cordts et al., 2016); the resized protocol is what the official GTR code does (targets and
labels at 1024x512, ``_val_sync_transform``); the groupings of classes are ours and stated with each score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib._validate import describe
from gltr_lib.labels import IGNORE, NUM_CLASSES, TRAIN_ID_TO_CAMVID11
from gltr_lib.metrics import ConfusionMatrix


def __getattr__(name: str) -> Any:
    # Scores on real photographs live in their own file; their door is here, beside the other scores.
    if name == "score_camvid":
        from gltr_lib.real import score_camvid

        return score_camvid
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True)
class Protocol:
    """How predictions meet labels.

    Attributes:
        name: what a table prints beside the score.
        size: (height, width) at which both are compared; None = the labels' own size.
    """

    name: str
    size: tuple[int, int] | None = None


def resized_protocol(height: int, width: int, classes: int = NUM_CLASSES) -> Protocol:
    """The official GTR protocol, generalised: predictions and labels shrunk (nearest) before they are compared.

    Example:
        >>> resized_protocol(512, 1024).name
        'mIoU-19 @ 1024x512 labels resized (GTR protocol)'
    """
    if height < 1 or width < 1:
        raise ValueError(f"resized_protocol: expected a size of at least 1x1, received {width}x{height}")
    return Protocol(f"mIoU-{classes} @ {width}x{height} labels resized (GTR protocol)", (height, width))


FULL_SIZE = Protocol("mIoU-19 @ full size")
PROTOCOLS: dict[str, Protocol] = {"full": FULL_SIZE, "gtr": resized_protocol(512, 1024)}


def predict(
    model: nn.Module,
    images: Tensor,
    batch: int = 8,
    *,
    size: tuple[int, int] | None = None,
    groups: Sequence[int] | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Most probable class of every pixel.

    Args:
        model: images (B,3,H,W) in [0,1] -> logits (B,C,H,W).
        images: (N,3,H,W), uint8 0..255 or float in [0,1].
        batch: images in one forward pass.
        size: (height, width) of the answer; logits are resized bilinearly. None keeps the images' size.
        groups: for each of the C classes its group, 255 to drop it; probabilities are summed per group first.
        device: where to compute; None = where the model is.

    Returns:
        int64 tensor (N, h, w) on the CPU.

    Raises:
        TypeError, ValueError: images of another kind or shape, a batch below 1.

    Example:
        >>> predict(nn.Conv2d(3, 2, 1), torch.zeros(3, 3, 4, 5, dtype=torch.uint8), batch=2).shape
        torch.Size([3, 4, 5])
    """
    if not isinstance(images, Tensor) or (images.dtype != torch.uint8 and not images.is_floating_point()):
        raise TypeError(f"images: expected uint8 or float (N,3,H,W), received {describe(images)}")
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images: expected (N,3,H,W), received {describe(images)}; add a batch with images[None]")
    if batch < 1:
        raise ValueError(f"batch: expected at least 1, received {batch}")
    where = torch.device(device) if device is not None else _device_of(model)
    out = []
    with torch.inference_mode(), _evaluation_mode(model):
        for start in range(0, len(images), batch):
            logits = model(_floats(images[start : start + batch].to(where)))
            if size is not None and tuple(logits.shape[-2:]) != tuple(size):
                logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
            scores = logits if groups is None else group_probabilities(logits.softmax(1), groups)
            out.append(scores.argmax(1).cpu())
    return torch.cat(out) if out else torch.empty((0, *(size or images.shape[-2:])), dtype=torch.int64)


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
    if len(images) != len(labels):
        raise ValueError(f"evaluate: {len(images)} images but {len(labels)} label maps; they come in pairs")
    if not len(images):
        raise ValueError("evaluate: no images to score")
    where = torch.device(device) if device is not None else _device_of(model)
    matrix = None
    with torch.inference_mode(), _evaluation_mode(model):
        for start in range(0, len(images), batch):
            target = labels[start : start + batch]
            logits = model(_floats(images[start : start + batch].to(where)))
            if logits.shape[-2:] != target.shape[-2:]:
                logits = F.interpolate(logits, tuple(target.shape[-2:]), mode="bilinear", align_corners=False)
            matrix = matrix or ConfusionMatrix(logits.shape[1], IGNORE)
            matrix.update(logits.argmax(1), target.to(logits.device))
    if matrix is None:
        raise ValueError("evaluate: no images to score")
    return matrix


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
    if labels.ndim != 3 or not len(labels):
        raise ValueError(f"layout_prior: expected labels (N,H,W) with N >= 1, received {describe(labels)}")
    counts = torch.stack([(labels == c).sum(0) for c in range(num_classes)])
    if not counts.any():
        raise ValueError("layout_prior: every pixel is ignored, so there is no most frequent class")
    prior = counts.argmax(0)
    return torch.where(counts.sum(0) > 0, prior, counts.sum((1, 2)).argmax())


def score_prior(prior: Tensor, labels: Tensor, num_classes: int = NUM_CLASSES) -> ConfusionMatrix:
    """Score the layout prior on labels of any size (the prior is resized, nearest).

    Args:
        prior: integer (h,w), as from ``layout_prior``.
        labels: integer (N,H,W), 255 = ignore.
        num_classes: number of classes.

    Returns:
        One confusion matrix over all label maps.
    """
    matrix = ConfusionMatrix(num_classes, IGNORE)
    guess = resize_labels(prior[None], tuple(labels.shape[-2:]))
    for target in labels:
        matrix.update(guess, target[None].long())
    return matrix


def rescore(
    predictions: Tensor,
    labels: Tensor,
    protocols: Iterable[Protocol] = tuple(PROTOCOLS.values()),
    num_classes: int = NUM_CLASSES,
) -> dict[str, ConfusionMatrix]:
    """Score the SAME predictions under several protocols, to see that they get different mIoUs.

    Args:
        predictions: integer (N,H,W) classes.
        labels: integer (N,H,W), 255 = ignore.
        protocols: how to compare; see ``PROTOCOLS`` and ``resized_protocol``.
        num_classes: number of classes.

    Returns:
        For each protocol's name one confusion matrix.

    Example:
        >>> labels = torch.tensor([[[0, 1, 1, 1]]]); guess = torch.tensor([[[0, 0, 1, 1]]])
        >>> scores = rescore(guess, labels, [FULL_SIZE, resized_protocol(1, 2)], num_classes=2)
        >>> [round(matrix.miou(), 3) for matrix in scores.values()]
        [0.583, 0.25]
    """
    out = {}
    for protocol in protocols:
        matrix = ConfusionMatrix(num_classes, IGNORE)
        size = protocol.size or tuple(labels.shape[-2:])
        matrix.update(resize_labels(predictions, size), resize_labels(labels, size).long())
        out[protocol.name] = matrix
    return out


def resize_labels(labels: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize label maps (N,H,W) to (height, width) by nearest neighbour: classes are never blended."""
    if tuple(labels.shape[-2:]) == tuple(size):
        return labels.long()
    # Float32 holds every class exactly; "nearest-exact" has its samples at pixel centres, as Pillow's NEAREST.
    return F.interpolate(labels[:, None].float(), tuple(size), mode="nearest-exact")[:, 0].long()


def group_probabilities(probabilities: Tensor, groups: Sequence[int]) -> Tensor:
    """Sum class probabilities per group.

    Args:
        probabilities: (B,C,H,W).
        groups: for each of the C classes its group 0..G-1, or 255 to drop it.

    Returns:
        (B,G,H,W).

    Raises:
        ValueError: not one group for each class.

    Example:
        >>> group_probabilities(torch.tensor([0.4, 0.3, 0.3]).view(1, 3, 1, 1), [0, 1, 1]).flatten().tolist()
        [0.4000..., 0.6000...]
    """
    if len(groups) != probabilities.shape[1]:
        raise ValueError(f"groups: expected one for each of {probabilities.shape[1]} classes, received {len(groups)}")
    kept = [(i, g) for i, g in enumerate(groups) if g != IGNORE]
    out = probabilities.new_zeros((len(probabilities), max(g for _, g in kept) + 1, *probabilities.shape[2:]))
    index = torch.tensor([g for _, g in kept], device=probabilities.device)
    return out.index_add_(1, index, probabilities[:, [i for i, _ in kept]])


def map_classes(labels: Tensor, table: Sequence[int]) -> Tensor:
    """Map integer labels through a table, 255 staying 255; for instance 19 trainIds to CamVid-11.

    Example:
        >>> map_classes(torch.tensor([[[10, 0, 255]]]), TRAIN_ID_TO_CAMVID11).tolist()
        [[[0, 3, 255]]]
    """
    lut = torch.full((256,), IGNORE, dtype=torch.int64)
    lut[: len(table)] = torch.tensor(table)
    return lut.to(labels.device)[labels.long()]


def camvid11_from_19(probabilities: Tensor) -> Tensor:
    """CamVid-11 predictions from the probabilities of 19 classes: summed per group, then the largest.

    Args:
        probabilities: (B,19,H,W), softmax of the logits.

    Returns:
        int64 (B,H,W) of CamVid ids 0..10. The grouping is ``gltr_lib.real.CAMVID11_NOTE``.
    """
    return group_probabilities(probabilities, TRAIN_ID_TO_CAMVID11).argmax(1)


def merge(matrices: Iterable[ConfusionMatrix]) -> ConfusionMatrix:
    """Add confusion matrices: the score over the union of their images."""
    matrices = list(matrices)
    if not matrices:
        raise ValueError("merge: expected at least one confusion matrix")
    total = ConfusionMatrix(matrices[0].num_classes, matrices[0].ignore_index)
    for matrix in matrices:
        total.counts += matrix.counts
    return total


def report(matrix: ConfusionMatrix, classes: Sequence[str]) -> Mapping[str, float]:
    """Each class's IoU and the mean under "mIoU", for printing."""
    return {**dict(zip(classes, matrix.iou().tolist(), strict=True)), "mIoU": matrix.miou()}


def _floats(images: Tensor) -> Tensor:
    return images.float() / 255.0 if images.dtype == torch.uint8 else images


def _device_of(model: nn.Module) -> torch.device:
    parameter = next(model.parameters(), None)
    return parameter.device if parameter is not None else torch.device("cpu")


class _evaluation_mode:
    """``model.eval()`` for a while; the former mode comes back."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.was = model, model.training

    def __enter__(self) -> None:
        self.model.eval()

    def __exit__(self, *error: object) -> None:
        self.model.train(self.was)
