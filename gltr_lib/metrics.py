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
_PIECE = 2**18  # pixels worked on at once: no map is copied whole, and NumPy's calls are few
_FEW_CHANGES = 0.15  # runs are counted instead of pixels where the maps change at less than this share (measured)
_SAMPLES, _SAMPLE = 16, 256  # that many stretches of so many pixels tell which
_SERIAL = 2**15  # torch reads more numbers in several threads, whose start costs more than all the rest on a busy CPU
# Neighbouring pixels are counted in tables of their own: adding to one number again and again waits for the last sum.
_LANES = 4


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
        counts = _byte_counts(pred, target, self.num_classes, self.ignore_index)
        if counts is None:
            self._count(pred, target.to(pred.device))
        else:
            self.counts[: len(counts), : len(counts)].add_(torch.from_numpy(counts))
        return self

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
        # What Pillow hands out may not be written to, and a PNG of 16 bits has its bytes the other way round. One row
        # turned upside down is in order for NumPy, and not for torch.
        upright = values.copy() if min(values.strides, default=0) < 0 else values
        tensor = torch.from_numpy(np.require(upright, values.dtype.newbyteorder("="), ["C", "W"]))
    else:
        tensor = values
    if not isinstance(tensor, Tensor) or tensor.is_floating_point() or tensor.dtype == torch.bool:
        hint = "; logits need .argmax(1) first" if isinstance(tensor, Tensor) and tensor.ndim == 4 else ""
        raise TypeError(f"{name}: expected integer classes, received {describe(values)}{hint}")
    return tensor.detach()


def _byte_counts(pred: Tensor, target: Tensor, classes: int, ignore: int) -> np.ndarray | None:
    """Counts (C, C) of maps of bytes on the CPU, rows the target's; C at most 256.

    None for maps of another kind, and where a class is out of range: ``ConfusionMatrix._count`` counts or refuses them.
    Checks at every pixel would take longer than the counting, so what is out of range is counted, too, and found later.
    Label maps are made of regions: where neither map changes, a whole run is counted at once. Maps that change all the
    time are counted pixel by pixel.
    """
    if not (pred.device.type == target.device.type == "cpu"):
        return None
    maps = [values.contiguous().view(-1).numpy() for values in (target, pred)]
    classes = min(classes, 256)
    # Labels are shifted so that an ignored one beyond the classes, such as 255, overflows into row 0: small tables.
    first = 256 - ignore if classes <= ignore < 256 else 0
    rows, columns = min(first + classes + 1, 256), min(classes + 1, 256)  # the last ones are for all that is beyond
    # Wide tables have one lane, which NumPy counts: torch needs codes of 15 bits.
    lanes = np.zeros((_LANES if _LANES * rows * columns <= 2**15 else 1, rows * columns), np.int64)
    by_pixel = _changes_often(maps)
    for begin in range(0, maps[0].size, _PIECE):
        truth, guess = (_bytes(values[begin : begin + _PIECE]) for values in maps)
        if truth is None or guess is None:
            return None
        lengths: np.ndarray | int = 1
        if not by_pixel:
            truth, guess, lengths = _runs(truth, guess)
        truth = truth + np.uint8(first)
        if truth.max() >= rows or guess.max() >= columns:
            truth, guess = np.minimum(truth, rows - 1), np.minimum(guess, columns - 1)
        codes = truth.astype(np.uint16)
        codes *= columns
        codes += guess
        if by_pixel and len(lanes) == _LANES:
            _add_pixels(lanes, codes)
        else:
            np.add.at(lanes[0], codes.astype(np.intp), lengths)
    table = lanes.sum(axis=0).reshape(rows, columns)
    if 0 <= ignore < 256:
        table[(ignore + first) % 256] = 0
    kept = table[first : first + classes, :classes]
    return kept if kept.sum() == table.sum() else None


def _add_pixels(lanes: np.ndarray, codes: np.ndarray) -> None:
    """Add each code (uint16, changed in place) to its pixel's lane of the counts (lanes, size)."""
    starts = (np.arange(_LANES) * lanes.shape[1]).astype(np.uint16).view(np.uint64)
    fours = codes[: codes.size // _LANES * _LANES].view(np.uint64)  # four sums at once; none reaches its neighbour
    fours += starts
    for part in torch.from_numpy(codes.view(np.int16)).split(_SERIAL if torch.get_num_threads() > 1 else codes.size):
        lanes += torch.bincount(part, minlength=lanes.size).numpy().reshape(lanes.shape)


def _bytes(values: np.ndarray) -> np.ndarray | None:
    """Integers as uint8; None if they do not fit."""
    if values.dtype == np.uint8:
        return values
    # One pass for both ends of the range: a negative number has its high bits set, and stays negative when shifted.
    return None if int(np.bitwise_or.reduce(values)) >> 8 else values.astype(np.uint8)


def _changes_often(maps: Sequence[np.ndarray]) -> bool:
    """Whether runs of equal pixels are too short to gain anything by them; a sample tells."""
    stretches = [values[: values.size // _SAMPLES * _SAMPLES].reshape(_SAMPLES, -1)[:, :_SAMPLE] for values in maps]
    truth, guess = (values[:, 1:] != values[:, :-1] for values in stretches)
    return bool(np.count_nonzero(truth | guess) > _FEW_CHANGES * truth.size)


def _runs(truth: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(truth, guess, length) of each run of equal pixels."""
    edge = np.ones(truth.size + 1, bool)
    np.not_equal(truth[1:], truth[:-1], out=edge[1:-1])
    edge[1:-1] |= guess[1:] != guess[:-1]
    edges = np.flatnonzero(edge)
    return truth.take(edges[:-1]), guess.take(edges[:-1]), np.diff(edges)
