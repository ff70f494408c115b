"""Intersection over union from one confusion matrix over the whole dataset.

Cityscapes' mIoU sums a confusion matrix over all images and divides once at the end. Averaging each image's own IoU
is another number (0.612 against 0.175 on one synthetic set), as is scoring an absent class 0 or 1. Here a class that
is in neither prediction nor ground truth has IoU NaN, and the mean leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gltr_lib._typed import fits, typed
from gltr_lib._validate import describe

#: A table of so many rows and columns is 800 MB.
MOST_CLASSES = 10_000
# Runs are counted instead of pixels where the maps change at less than this share of the pixels (measured).
_FEW_CHANGES = 0.15
_PIECE = 2**18  # pixels worked on at once: fresh memory for a whole map costs as much as the counting


class ConfusionMatrix:
    """Counts of (ground truth, prediction) pairs; rows are the ground truth.

    Args:
        num_classes: number of classes C, >= 1.
        ignore_index: ground-truth label that is not counted (its predictions are not counted either).

    Example:
        >>> matrix = ConfusionMatrix(3).update(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]))
        >>> [round(v, 2) for v in matrix.iou().tolist()], matrix.miou()
        ([0.5, 0.5, nan], 0.5)
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        if not fits(num_classes, int) or not 1 <= num_classes <= MOST_CLASSES:
            raise ValueError(
                f"num_classes: expected an integer >= 1 and at most {MOST_CLASSES}, received {describe(num_classes)}"
            )
        if not fits(ignore_index, int):
            raise TypeError(f"ignore_index: expected a label such as 255 (-1: none), received {describe(ignore_index)}")
        self.num_classes = int(num_classes)
        self.ignore_index = int(ignore_index)
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self._shared = torch.zeros_like(self.counts)  # what reduce() has summed already

    def update(self, pred: Tensor | np.ndarray, target: Tensor | np.ndarray) -> ConfusionMatrix:
        """Add predictions and ground truth of one or more images.

        Args:
            pred: integer tensor of any shape, classes in [0, C); logits are refused.
            target: integer tensor of the same shape, classes in [0, C) or ``ignore_index``.

        Returns:
            This matrix.

        Raises:
            TypeError: not integers. ValueError: shapes differ, or classes out of range (they are listed).
        """
        pred, target = _integers(pred, "pred"), _integers(target, "target")
        if pred.shape != target.shape:
            raise ValueError(
                f"ConfusionMatrix.update: expected pred and target of one shape, received {describe(pred)}"
                f" and {describe(target)}; logits need .argmax(1) first"
            )
        table = _byte_table(pred, target)
        if table is None:
            self._count(pred, target.to(pred.device))
        else:
            self._add(table)
        return self

    def _add(self, table: Tensor) -> None:
        """Add a table of counts (R, C), both at most 256; its rows and columns tell what is ignored or refused."""
        # NumPy: torch would start its threads for this, which costs more than all the rest on a busy CPU.
        array = table.numpy()
        if 0 <= self.ignore_index < len(array):
            array[self.ignore_index] = 0
        for name, found in (("target", array.max(axis=1) > 0), ("pred", array.max(axis=0) > 0)):
            beyond = np.flatnonzero(found[self.num_classes :])
            if beyond.size:
                raise self._out_of_range(name, torch.from_numpy(self.num_classes + beyond))
        kept = table[: self.num_classes, : self.num_classes]
        self.counts[: len(kept), : kept.shape[1]] += kept

    def _count(self, pred: Tensor, target: Tensor) -> None:
        """Count pairs of any integers on any device."""
        truth, guess = target.long(), pred.long()  # before comparing: a uint8 tensor takes 255 for -1
        keep = truth != self.ignore_index
        truth, guess = truth[keep], guess[keep]
        for name, values in (("target", truth), ("pred", guess)):
            if values.numel():
                low, high = (int(v) for v in torch.aminmax(values))
                if low < 0 or high >= self.num_classes:
                    raise self._out_of_range(name, torch.unique(values[(values < 0) | (values >= self.num_classes)]))
        flat = torch.bincount(truth * self.num_classes + guess, minlength=self.num_classes**2).cpu()
        self.counts += flat.view(self.num_classes, self.num_classes)

    def _out_of_range(self, name: str, bad: Tensor) -> ValueError:
        return ValueError(f"{name}: expected classes 0..{self.num_classes - 1}, found {bad[:10].tolist()}")

    def iou(self) -> Tensor:
        """Return the IoU of each class, float64 (C,); NaN for a class in neither prediction nor ground truth."""
        hits = self.counts.diag().double()
        union = self.counts.sum(0) + self.counts.sum(1) - self.counts.diag()
        return torch.where(union > 0, hits / union.clamp(min=1), torch.nan)

    @typed
    def miou(self, classes: Sequence[int] | None = None) -> float:
        """Return the mean of :meth:`iou` without its NaN entries; NaN if nothing was counted.

        Args:
            classes: average these alone (as for SYNTHIA's 16 of 19 classes; the counts stay those of all); None = all.

        Raises:
            ValueError: classes that the matrix does not have (they are listed).
        """
        iou = self.iou()
        beyond = [index for index in classes or () if not 0 <= index < self.num_classes]
        if beyond:
            raise ValueError(f"classes: expected numbers 0..{self.num_classes - 1}, found {beyond[:10]}")
        return float((iou if classes is None else iou[list(classes)]).nanmean())

    def pixel_accuracy(self) -> float:
        """Return the share of counted pixels that are right; NaN if nothing was counted."""
        total = int(self.counts.sum())
        return float(self.counts.diag().sum()) / total if total else float("nan")

    def reduce(self) -> ConfusionMatrix:
        """Sum the counts over all processes of ``torch.distributed`` (nothing to do in a single process).

        Counts that an earlier call has summed are not summed again. Returns this matrix.
        """
        dist = torch.distributed
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            device = torch.device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu")
            counts = (self.counts - self._shared).to(device)
            dist.all_reduce(counts)
            self.counts = self._shared + counts.cpu()
            self._shared = self.counts.clone()
        return self


def _integers(values: Tensor | np.ndarray, name: str) -> Tensor:
    if isinstance(values, np.ndarray) and values.dtype.kind not in "iufb":
        raise TypeError(f"{name}: expected integer classes, received {describe(values)}")
    if isinstance(values, np.ndarray):
        # What Pillow hands out may not be written to, and a PNG of 16 bits has its bytes the other way round.
        tensor = torch.from_numpy(np.require(values, values.dtype.newbyteorder("="), ["C", "W"]))
    else:
        tensor = values
    if not isinstance(tensor, Tensor) or tensor.is_floating_point() or tensor.dtype == torch.bool:
        hint = "; logits need .argmax(1) first" if isinstance(tensor, Tensor) and tensor.ndim == 4 else ""
        raise TypeError(f"{name}: expected integer classes, received {describe(values)}{hint}")
    return tensor.detach()


def _byte_table(pred: Tensor, target: Tensor) -> Tensor | None:
    """Counts of (target, pred), rows the target's, if both are on the CPU and fit in a byte, else None.

    Label maps are made of regions: where neither map changes, a whole run is counted at once. Maps that change all the
    time are counted pixel by pixel. Codes have 16 bits; range checks in 64 bits at every pixel would take many times as
    long as the counting.
    """
    if not target.numel() or not (pred.device.type == target.device.type == "cpu"):
        return None
    arrays = [values.contiguous().view(-1).numpy() for values in (target, pred)]
    if any(array.dtype != np.uint8 and (array.min() < 0 or array.max() > 255) for array in arrays):
        return None
    truth, guess = (array.astype(np.uint8, copy=False) for array in arrays)
    runs = _runs(truth, guess)
    if runs is not None:
        return torch.from_numpy(_count_pairs(*runs))
    counts = np.zeros((256, 256), np.int64)
    for begin in range(0, truth.size, _PIECE):
        found = _count_pairs(truth[begin : begin + _PIECE], guess[begin : begin + _PIECE])
        counts[: found.shape[0], : found.shape[1]] += found
    return torch.from_numpy(counts)


def _count_pairs(truth: np.ndarray, guess: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Counts (R, C) of pairs of uint8, no larger than the largest of them ask for."""
    rows, columns = int(truth.max()) + 1, int(guess.max()) + 1
    codes = np.multiply(truth, columns, dtype=np.uint16)
    codes += guess
    # With weights NumPy counts in float64, which is exact up to 2**53 pixels.
    return np.bincount(codes, weights, minlength=rows * columns).astype(np.int64, copy=False).reshape(rows, columns)


def _runs(truth: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(truth, guess, length) of each run of equal pixels; None where there are too many runs to gain anything."""
    starts, truths, guesses = [np.zeros(1, np.intp)], [truth[:1]], [guess[:1]]
    most = truth.size * _FEW_CHANGES
    changes, others = np.empty((2, _PIECE), bool)
    for begin in range(1, truth.size, _PIECE):
        new_truth, new_guess = truth[begin : begin + _PIECE], guess[begin : begin + _PIECE]
        size = new_truth.size
        changed = np.not_equal(new_truth, truth[begin - 1 :][:size], out=changes[:size])
        changed |= np.not_equal(new_guess, guess[begin - 1 :][:size], out=others[:size])
        found = np.flatnonzero(changed)
        truths.append(new_truth.take(found))  # now, while the piece is in the cache
        guesses.append(new_guess.take(found))
        starts.append(found + begin)
        most -= found.size
        if most < 0:
            return None
    lengths = np.diff(np.concatenate(starts), append=truth.size)
    return np.concatenate(truths), np.concatenate(guesses), lengths
