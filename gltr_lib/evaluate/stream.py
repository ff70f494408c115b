"""Score a network on a whole dataset at full resolution: pictures of any sizes, decoded while the network computes.

One confusion matrix is summed over all pictures, so memory does not grow with the dataset. Threads decode ahead (Pillow
lets go of the interpreter while it decodes); pictures of one size are batched. In several processes each takes every
n-th picture and the counts are added at the end, which gives the very same matrix. A bad pair ends the evaluation with
its name: a score over "the pictures that happened to load" is no score.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gltr_lib._typed import describe, typed
from gltr_lib._validate import check_device
from gltr_lib.evaluate.inference import WHOLE, Inference, predict_classes
from gltr_lib.evaluate.passes import device_of
from gltr_lib.evaluate.protocols import Protocol, find_protocol
from gltr_lib.evaluate.reading import Item, Reader, ahead, grouped, progress_bar
from gltr_lib.labels import CLASSES
from gltr_lib.metrics import ConfusionMatrix

AMP = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class DatasetScore:
    """The score of one network on one dataset, with everything that a table or a ledger says beside it.

    Attributes:
        data: the dataset's name. protocol: the protocol's name, augmentation included. inference: how pictures were
        looked at. matrix: counts over all pictures. classes: names of the matrix' rows. averaged: which of them are in
        the mean. images: pictures scored (by all processes). seconds: wall time. waited: seconds of it in which the
        network waited for pictures. device: where it ran.
    """

    data: str
    protocol: str
    inference: str
    matrix: ConfusionMatrix
    classes: tuple[str, ...]
    averaged: tuple[int, ...]
    images: int
    seconds: float
    waited: float
    device: str

    @property
    def miou(self) -> float:
        """Mean IoU of the averaged classes; classes in neither prediction nor label are left out."""
        return self.matrix.miou(self.averaged)

    @property
    def per_class(self) -> dict[str, float]:
        """IoU of each averaged class; NaN for a class in neither prediction nor label."""
        iou = self.matrix.iou()
        return {self.classes[c]: float(iou[c]) for c in self.averaged}


@typed
def evaluate_dataset(
    model: nn.Module,
    dataset: Any,
    protocol: str | Protocol = "full",
    *,
    inference: Inference = WHOLE,
    batch: int = 1,
    device: torch.device | str | None = None,
    amp: str | None = None,
    progress: bool = False,
    workers: int = 2,
    on_item: Callable[[Item], Any] | None = None,
    num_classes: int = len(CLASSES),
    name: str | None = None,
) -> DatasetScore:
    """Score a network on a dataset, picture by picture, each at its own size.

    Args:
        model: images in [0,1] -> logits (B,C,H,W). It is moved to ``device`` if that is given.
        dataset: has ``len`` and items (image float (3,H,W) in [0,1], label int (H,W), 255 = ignore); ``pair(i)``
            (uint8 arrays) is used where there is one, and ``keys`` to name pictures. Floats are rounded to 8
            bits, which is what picture files hold.
        protocol: a short name of ``PROTOCOLS`` or a :class:`Protocol`.
        inference: whole pictures or sliding windows, flip and scales.
        batch: pictures in one forward pass, as far as neighbours have one size.
        device: None = where the model is.
        amp: None, "bf16" or "fp16".
        progress: show a bar with the time left.
        workers: threads that decode ahead; 0 decodes between forward passes. Ahead are at most 2 x workers pictures.
        on_item: called with an :class:`Item` after each picture, in order (for pictures, files, logs).
        num_classes: channels that the network must have.
        name: what to call the data; None takes ``dataset.name``.

    Returns:
        DatasetScore; in several processes of ``torch.distributed`` the same one in each.

    Raises:
        ValueError: an empty dataset, a pair that cannot be read or does not fit (named), a network of another class
            count, no labelled pixel at all.

    Example:
        >>> pairs = [(torch.rand(3, 4, 6), torch.zeros(4, 6).long()), (torch.rand(3, 5, 3), torch.ones(5, 3).long())]
        >>> score = evaluate_dataset(nn.Conv2d(3, 19, 1), pairs)
        >>> score.images, score.protocol, int(score.matrix.counts.sum())
        (2, 'mIoU-19 @ full size', 39)
    """
    plan = find_protocol(protocol) if isinstance(protocol, str) else protocol
    if batch < 1 or workers < 0:
        raise ValueError(f"expected batch >= 1 and workers >= 0, received batch={batch}, workers={workers}")
    if amp is not None and amp not in AMP:
        raise ValueError(f"amp: unknown {amp!r}; valid: {', '.join(AMP)}")
    if plan.classes and num_classes != len(CLASSES):
        raise ValueError(f"protocol: {plan.name!r} averages some of the 19 trainIds, the network has {num_classes}")
    own = tuple(getattr(dataset, "class_names", ()))
    if own and num_classes == len(CLASSES) and own != CLASSES:  # its 3 is not our 3: the score would mean nothing
        raise ValueError(
            f"{getattr(dataset, 'name', 'the dataset')}: its labels are {len(own)} classes of its own, not the "
            f"{len(CLASSES)} trainIds; gltr_lib.real.score_camvid and gltr_lib.real_sets.score_frames score such"
        )
    many = hasattr(dataset, "__len__") and (hasattr(dataset, "__getitem__") or hasattr(dataset, "pair"))
    if not many or isinstance(dataset, Tensor | dict | str | bytes | np.ndarray):
        raise TypeError(f"dataset: expected pairs with len() and [], received {describe(dataset)}")
    if len(dataset) == 0:
        raise ValueError("evaluate_dataset: the dataset is empty")
    if device is not None:
        model.to(check_device(device))
    rank, world = _processes()
    started = time.perf_counter()
    matrix = ConfusionMatrix(num_classes)
    source = Reader(dataset, plan, num_classes)
    indices = range(rank, len(dataset), world)
    among = plan.classes if plan.among else None
    failure: Exception | None = None
    waited = 0.0
    watch = model.register_forward_hook(lambda _module, _inputs, logits: _check_logits(logits, num_classes))
    bar = progress_bar(len(indices), progress and rank == 0)
    try:
        items = ahead(source, indices, workers)
        for group, wait in grouped(items, batch):
            waited += wait
            pictures = torch.from_numpy(np.stack([item.picture for item in group])).permute(0, 3, 1, 2)
            size = group[0].label.shape
            try:
                guess = predict_classes(
                    model, pictures, inference, size=(size[0], size[1]), among=among, amp=AMP[amp] if amp else None
                ).numpy()
            except ValueError as error:
                raise ValueError(f"{group[0].key}: {error}") from error
            for item, prediction in zip(group, guess, strict=True):
                matrix.update(prediction, item.label)
                if on_item is not None:
                    on_item(Item(*item, prediction))
            bar(len(group))
    except Exception as error:
        failure = error
    finally:
        watch.remove()
        bar(None)
    _agree(failure)
    matrix.reduce()
    averaged = plan.classes or tuple(range(num_classes))
    score = DatasetScore(
        data=name or str(getattr(dataset, "name", type(dataset).__name__)),
        protocol=plan.name.replace("mIoU-19 ", f"mIoU-{num_classes} ", 1)
        + (f", with {inference.augmentation}" if inference.augmented else ""),
        inference=inference.name + (f", {amp}" if amp else ""),
        matrix=matrix,
        classes=CLASSES if num_classes == len(CLASSES) else tuple(f"class {c}" for c in range(num_classes)),
        averaged=averaged,
        images=len(dataset),
        seconds=time.perf_counter() - started,
        waited=waited,
        device=str(device_of(model)),
    )
    if np.isnan(score.miou):
        raise ValueError(f"{score.data}: no pixel has a label of the scored classes, so there is no score")
    return score


def _check_logits(logits: Any, num_classes: int) -> None:
    if not isinstance(logits, Tensor) or logits.ndim != 4:
        return  # refused elsewhere
    if bool(logits.amax().isnan()):  # NaN would count as class 0, and the score would look like one
        raise ValueError("the network answers NaN; its weights are broken, or fp16 overflowed (try bf16 or none)")
    if logits.shape[1] != num_classes:
        raise ValueError(
            f"the network answers with {logits.shape[1]} classes, but the score needs {num_classes}; "
            f"evaluate a network that was trained with num_classes={num_classes}"
        )


def _processes() -> tuple[int, int]:
    dist = torch.distributed
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def _agree(failure: Exception | None) -> None:
    """Raise in every process when one has failed: the others would wait for its counts for ever."""
    if _processes()[1] > 1:
        where = torch.device("cuda") if torch.distributed.get_backend() == "nccl" else torch.device("cpu")
        failed = torch.tensor([int(failure is not None)], device=where)
        torch.distributed.all_reduce(failed)
        if failure is None and failed.item():
            raise RuntimeError("evaluate_dataset: another process failed (its message says why); no score was made")
    if failure is not None:
        raise failure
