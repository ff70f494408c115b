"""Intersection over union from one confusion matrix over the whole dataset.

Cityscapes' mIoU sums a confusion matrix over all images and divides once at the end. Averaging each image's own IoU
is another number (0.612 against 0.175 on one synthetic set), as is scoring an absent class 0 or 1. Here a class that
is in neither prediction nor ground truth has IoU NaN, and the mean leaves it out.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gltr_lib._validate import describe


class ConfusionMatrix:
    """Counts of (ground truth, prediction) pairs; rows are the ground truth.

    Args:
        num_classes: number of classes C, >= 1.
        ignore_index: ground-truth label that is not counted (its predictions are not counted either).

    Example:
        >>> matrix = ConfusionMatrix(3)
        >>> matrix.update(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]))
        >>> [round(v, 2) for v in matrix.iou().tolist()], matrix.miou()
        ([0.5, 0.5, nan], 0.5)
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        if not isinstance(num_classes, int) or num_classes < 1:
            raise ValueError(f"num_classes: expected an integer >= 1, received {describe(num_classes)}")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def update(self, pred: Tensor | np.ndarray, target: Tensor | np.ndarray) -> None:
        """Add predictions and ground truth of one or more images.

        Args:
            pred: integer tensor of any shape, classes in [0, C); logits are refused.
            target: integer tensor of the same shape, classes in [0, C) or ``ignore_index``.

        Raises:
            TypeError: not integers. ValueError: shapes differ, or classes out of range (they are listed).
        """
        pred, target = _integers(pred, "pred"), _integers(target, "target")
        if pred.shape != target.shape:
            raise ValueError(
                f"ConfusionMatrix.update: expected pred and target of one shape, received {describe(pred)}"
                f" and {describe(target)}; logits need .argmax(1) first"
            )
        if pred.device != target.device:
            target = target.to(pred.device)
        keep = target != self.ignore_index
        truth, guess = target[keep].long(), pred[keep].long()
        for name, values in (("target", truth), ("pred", guess)):
            if values.numel():
                low, high = (int(v) for v in torch.aminmax(values))
                if low < 0 or high >= self.num_classes:
                    bad = torch.unique(values[(values < 0) | (values >= self.num_classes)])[:10].tolist()
                    raise ValueError(f"{name}: expected classes 0..{self.num_classes - 1}, found {bad}")
        pairs = truth * self.num_classes + guess
        # NumPy's bincount is several times quicker than torch's on a CPU; on a GPU torch's stays on the device.
        if pairs.is_cuda:
            flat = torch.bincount(pairs, minlength=self.num_classes**2).cpu()
        else:
            flat = torch.from_numpy(np.bincount(pairs.numpy(), minlength=self.num_classes**2))
        self.counts += flat.view(self.num_classes, self.num_classes)

    def iou(self) -> Tensor:
        """Return the IoU of each class, float64 (C,); NaN for a class in neither prediction nor ground truth."""
        hits = self.counts.diag().double()
        union = self.counts.sum(0) + self.counts.sum(1) - self.counts.diag()
        return torch.where(union > 0, hits / union.clamp(min=1), torch.nan)

    def miou(self) -> float:
        """Return the mean of :meth:`iou` without its NaN entries; NaN if nothing was counted."""
        return float(self.iou().nanmean())

    def pixel_accuracy(self) -> float:
        """Return the share of counted pixels that are right; NaN if nothing was counted."""
        total = int(self.counts.sum())
        return float(self.counts.diag().sum()) / total if total else float("nan")

    def reduce(self) -> ConfusionMatrix:
        """Sum the counts over all processes of ``torch.distributed`` (nothing to do in a single process)."""
        dist = torch.distributed
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            device = torch.device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu")
            counts = self.counts.to(device)
            dist.all_reduce(counts)
            self.counts = counts.cpu()
        return self


def _integers(values: Tensor | np.ndarray, name: str) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(values)) if isinstance(values, np.ndarray) else values
    if not isinstance(tensor, Tensor) or tensor.is_floating_point() or tensor.dtype == torch.bool:
        hint = "; logits need .argmax(1) first" if isinstance(tensor, Tensor) and tensor.ndim == 4 else ""
        raise TypeError(f"{name}: expected integer classes, received {describe(values)}{hint}")
    return tensor.detach()
