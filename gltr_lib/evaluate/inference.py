"""From pictures to classes: whole pictures or sliding windows, flip and scales, with bounded memory.

A large picture is cut into overlapping windows; where windows overlap their *logits* are averaged (the sum divided by
the number of windows at each pixel, as MMSegmentation does). Windows go row by row, and a row of the answer is finished
before the next begins, so that the classes of a 4000x3000 picture need the logits of one row of windows only.
Test-time augmentation (mirrored pictures, other scales) averages *probabilities*, and is named in the score.

Source: sliding inference as in MMSegmentation and RobustNet (window 769, step 2/3); the banded sum is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from gltr_lib._typed import check_fields, typed
from gltr_lib._validate import check_device, check_range, describe
from gltr_lib.evaluate.passes import (
    averaged,
    bands,
    evaluation_mode,
    forward_of,
    group_probabilities,
    is_dense,
    most_probable,
    pictures_for,
    resized,
)


@dataclass(frozen=True)
class Inference:
    """How a network looks at a picture; its name is recorded beside the score.

    Attributes:
        window: (height, width) of sliding windows, or one number for a square; None = the whole picture at once.
        overlap: share of a window that the next one covers again, 0 <= overlap < 1.
        flip: also look at the mirrored picture.
        scales: sizes at which to look, relative to the picture's.

    Raises:
        ValueError: impossible values.

    Example:
        >>> Inference((512, 1024)).name, Inference(flip=True).name
        ('sliding windows 1024x512, overlap 1/3', 'whole picture, with its mirror image')
    """

    window: tuple[int, int] | int | None = None
    overlap: float = 1 / 3
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.window is not None and _sides(self.window) is None:
            raise ValueError(f"window: expected (height, width) of at least 1, received {describe(self.window)}")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap: expected a share from 0 to below 1, received {self.overlap:g}")
        if not self.scales or not all(0.05 <= scale <= 16 for scale in self.scales):
            raise ValueError(f"scales: expected numbers from 0.05 to 16, received {self.scales}")

    @property
    def sides(self) -> tuple[int, int] | None:
        """(height, width) of the windows; None without."""
        return _sides(self.window)

    @property
    def augmented(self) -> bool:
        """Whether several views of a picture are averaged."""
        return self.flip or tuple(self.scales) != (1.0,)

    @property
    def augmentation(self) -> str:
        """The augmentation in words, "" without one; part of a score's name."""
        parts = [f"scales {', '.join(f'{s:g}' for s in self.scales)}"] if tuple(self.scales) != (1.0,) else []
        return " and ".join([*parts, *(["its mirror image"] if self.flip else [])])

    @property
    def name(self) -> str:
        """Whole picture or windows, and the augmentation."""
        if self.window is None:
            how = "whole picture"
        else:
            share = Fraction(self.overlap).limit_denominator(100)
            height, width = self.sides or (0, 0)
            how = f"sliding windows {width}x{height}, overlap {share}"
        return f"{how}, with {self.augmentation}" if self.augmented else how


WHOLE = Inference()


@typed
def predict_whole(model: nn.Module, images: Tensor, *, amp: torch.dtype | None = None) -> Tensor:
    """Logits of whole pictures in one forward pass.

    Args:
        model: images in [0,1] -> logits (B,C,H,W).
        images: (B,3,H,W), uint8 or float in [0,1], on any device; computed where the model is.
        amp: torch.bfloat16 or torch.float16 computes in autocast; None in single precision.

    Returns:
        (B,C,H,W) on the model's device; a network that answers at its own stride is upsampled (bilinear).

    Raises:
        TypeError, ValueError: images of another kind, or a network that gives no logits.
    """
    pictures = _pictures(model, images)
    with torch.inference_mode(), evaluation_mode(model):
        return forward_of(model, amp)(pictures)


@typed
def predict_classes(
    model: nn.Module,
    images: Tensor,
    inference: Inference = WHOLE,
    *,
    size: tuple[int, int] | None = None,
    among: Sequence[int] | None = None,
    amp: torch.dtype | None = None,
) -> Tensor:
    """Most probable class of every pixel, under any way of looking.

    Args:
        model: images in [0,1] -> logits (B,C,H,W).
        images: (B,3,H,W), uint8 or float in [0,1].
        inference: whole or sliding, augmented or not.
        size: (height, width) of the answer (scores are resized bilinearly); None keeps the pictures' size.
        among: classes to choose from; None = all.
        amp: as in ``predict_whole``.

    Returns:
        uint8 (B,h,w) on the CPU (int64 if the network has more than 256 classes).

    Raises:
        TypeError, ValueError: images of another kind.

    Example:
        >>> predict_classes(nn.Conv2d(3, 4, 1), torch.rand(1, 3, 4, 6), Inference((2, 2)), among=[1, 3]).shape
        torch.Size([1, 4, 6])
    """
    pictures = _pictures(model, images)
    _check_answer(size, among)
    same = size is None or tuple(size) == tuple(pictures.shape[-2:])
    with torch.inference_mode(), evaluation_mode(model):
        forward = forward_of(model, amp)
        cut = (inference.sides, inference.overlap)
        if inference.augmented:
            mean = averaged(forward, pictures, *cut, flip=inference.flip, scales=inference.scales)
            strips: Iterator[Tensor] = iter([mean])
        else:
            strips = bands(forward, pictures, *cut)
        if same:
            parts = [_classes(most_probable(_only(band, among)), band.shape[1], among) for band in strips]
            return torch.cat(parts, dim=1)
        scores = torch.cat([*strips], dim=2)
        return _classes(most_probable(_only(scores, among), size), scores.shape[1], among)


@typed
def predict(
    model: nn.Module,
    images: Tensor,
    batch: int = 8,
    *,
    size: tuple[int, int] | None = None,
    groups: Sequence[int] | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Most probable class of every pixel of many pictures, batch by batch; or the most probable group of classes.

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
    if 0 in images.shape[1:] or not is_dense(images):
        raise ValueError(f"images: expected pixels, received {describe(images)}")
    if images.numel() and images.is_floating_point():
        check_range(images)
    _check_answer(size, None)
    where = check_device(device) if device is not None else None
    forward, out = forward_of(model, None), []
    with torch.inference_mode(), evaluation_mode(model):
        for start in range(0, len(images), batch):
            logits = forward(pictures_for(model, images[start : start + batch], where))
            if size is not None:
                logits = resized(logits, size)
            scores = logits if groups is None else group_probabilities(logits.softmax(1), groups)
            out.append(most_probable(scores).cpu())
    return torch.cat(out) if out else torch.empty((0, *(size or images.shape[-2:])), dtype=torch.int64)


def _sides(window: object) -> tuple[int, int] | None:
    pair = (window, window) if isinstance(window, int) else window
    if isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(s, int) and s >= 1 for s in pair):
        return int(pair[0]), int(pair[1])
    return None


def _pictures(model: nn.Module, images: Tensor) -> Tensor:
    if not isinstance(images, Tensor) or (images.dtype != torch.uint8 and not images.is_floating_point()):
        raise TypeError(f"images: expected uint8 or float (N,3,H,W), received {describe(images)}")
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape or not is_dense(images):
        raise ValueError(f"images: expected (N,3,H,W), received {describe(images)}; add a batch with images[None]")
    if images.is_floating_point():
        check_range(images)
    return pictures_for(model, images)


def _check_answer(size: tuple[int, int] | None, among: Sequence[int] | None) -> None:
    if size is not None and min(size) < 1:
        raise ValueError(f"size: expected (height, width) of at least 1, received {size}")
    if among is not None and (not among or min(among) < 0):
        raise ValueError(f"among: expected at least one class, 0 or more, received {describe(among)}")


def _only(scores: Tensor, among: Sequence[int] | None) -> Tensor:
    return scores if among is None else scores[:, list(among)]


def _classes(indices: Tensor, count: int, among: Sequence[int] | None) -> Tensor:
    if among is not None:
        indices = torch.tensor(list(among), device=indices.device)[indices]
    return (indices.to(torch.uint8) if count <= 256 else indices).cpu()
