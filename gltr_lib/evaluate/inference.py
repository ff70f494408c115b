"""From pictures to classes: whole pictures or sliding windows, flip and scales, with bounded memory.

A large picture is cut into overlapping windows; where windows overlap their *logits* are averaged (the sum divided by
the number of windows at each pixel, as MMSegmentation does). Windows go row by row, and a row of the answer is finished
before the next begins, so that the classes of a 4000x3000 picture need the logits of one row of windows only.
Test-time augmentation (mirrored pictures, other scales) averages *probabilities*, and is named in the score.

Source: sliding inference as in MMSegmentation and RobustNet (window 769, step 2/3); the banded sum is ours.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib._validate import describe
from gltr_lib.labels import IGNORE


@dataclass(frozen=True)
class Inference:
    """How a network looks at a picture; its name is recorded beside the score.

    Attributes:
        window: (height, width) of sliding windows; None = the whole picture at once.
        overlap: share of a window that the next one covers again, 0 <= overlap < 1.
        flip: also look at the mirrored picture.
        scales: sizes at which to look, relative to the picture's.

    Raises:
        ValueError: impossible values.

    Example:
        >>> Inference((512, 1024)).name, Inference(flip=True).name
        ('sliding windows 1024x512, overlap 1/3', 'whole picture, with its mirror image')
    """

    window: tuple[int, int] | None = None
    overlap: float = 1 / 3
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.window is not None and (len(self.window) != 2 or min(self.window) < 1):
            raise ValueError(f"window: expected (height, width) of at least 1, received {self.window}")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap: expected a share from 0 to below 1, received {self.overlap:g}")
        if not self.scales or not all(0.05 <= scale <= 16 for scale in self.scales):
            raise ValueError(f"scales: expected numbers from 0.05 to 16, received {self.scales}")

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
            how = f"sliding windows {self.window[1]}x{self.window[0]}, overlap {share}"
        return f"{how}, with {self.augmentation}" if self.augmented else how


WHOLE = Inference()


def predict_whole(model: nn.Module, images: Tensor, *, amp: torch.dtype | None = None) -> Tensor:
    """Logits of whole pictures in one forward pass.

    Args:
        model: images in [0,1] -> logits (B,C,H,W).
        images: (B,3,H,W), uint8 or float in [0,1], on any device; computed where the model is.
        amp: torch.bfloat16 or torch.float16 computes in autocast; None in single precision.

    Returns:
        (B,C,H,W), on the model's device.

    Raises:
        TypeError, ValueError: images of another kind; logits of another size than the pictures.
    """
    pictures = _pictures(model, images)
    with torch.inference_mode(), evaluation_mode(model):
        return _forward(model, amp)(pictures)


def sliding_window(
    model: nn.Module,
    images: Tensor,
    window: tuple[int, int],
    overlap: float = 1 / 3,
    *,
    amp: torch.dtype | None = None,
) -> Tensor:
    """Logits from overlapping windows, averaged where windows overlap.

    Args:
        model: images in [0,1] -> logits (B,C,h,w) of the same size.
        images: (B,3,H,W) of any size, uint8 or float in [0,1].
        window: (height, width); a window larger than the picture is cut to it, so that it equals ``predict_whole``.
        overlap: share of a window that the next one covers again. Steps are ``round(side * (1 - overlap))``; the last
            window of a row or column is moved back so that it ends with the picture.
        amp: as in ``predict_whole``.

    Returns:
        Mean logits (B,C,H,W), on the model's device. For classes alone ``predict_classes`` needs less memory.

    Raises:
        TypeError, ValueError: images of another kind, an impossible window or overlap.

    Source: MMSegmentation's slide inference.

    Example:
        >>> net = nn.Conv2d(3, 2, 1)
        >>> sliding_window(net, torch.rand(1, 3, 5, 7), (2, 3), overlap=0.5).shape
        torch.Size([1, 2, 5, 7])
    """
    how = Inference(window, overlap)
    pictures = _pictures(model, images)
    with torch.inference_mode(), evaluation_mode(model):
        return torch.cat([*_bands(_forward(model, amp), pictures, how)], dim=2)


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
    same = size is None or tuple(size) == tuple(pictures.shape[-2:])
    with torch.inference_mode(), evaluation_mode(model):
        forward = _forward(model, amp)
        if inference.augmented:
            bands: Iterator[Tensor] = iter([_averaged(forward, pictures, inference)])
        else:
            bands = _bands(forward, pictures, inference)
        if same:
            parts = [_classes(most_probable(_only(band, among)), band.shape[1], among) for band in bands]
            return torch.cat(parts, dim=1)
        scores = torch.cat([*bands], dim=2)
        return _classes(most_probable(_only(scores, among), size), scores.shape[1], among)


def most_probable(scores: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """The class with the largest score at each pixel (the lower one of equals), int64 (B,h,w).

    Args:
        scores: (B,C,H,W).
        size: resize the scores bilinearly first; class by class, so that C full-size planes never exist at once.

    Example:
        >>> most_probable(torch.tensor([1.0, 3.0, 3.0]).view(1, 3, 1, 1)).item()
        1
    """
    if size is None or tuple(size) == tuple(scores.shape[-2:]):
        # On a CPU ``argmax`` over a dimension in the middle takes three times as long as ``max``; both take the first.
        return scores.argmax(1) if scores.is_cuda else scores.max(1).indices
    best: Tensor | None = None
    classes = torch.zeros((len(scores), *size), dtype=torch.int64, device=scores.device)
    for number in range(scores.shape[1]):
        plane = F.interpolate(scores[:, number : number + 1].float(), size, mode="bilinear", align_corners=False)[:, 0]
        if best is None:
            best = plane
        else:
            classes.masked_fill_(plane > best, number)
            best = torch.maximum(best, plane)
    return classes


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
    where = torch.device(device) if device is not None else device_of(model)
    out = []
    with torch.inference_mode(), evaluation_mode(model):
        for start in range(0, len(images), batch):
            logits = model(floats(images[start : start + batch].to(where)))
            if size is not None and tuple(logits.shape[-2:]) != tuple(size):
                logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
            scores = logits if groups is None else group_probabilities(logits.softmax(1), groups)
            out.append(most_probable(scores).cpu())
    return torch.cat(out) if out else torch.empty((0, *(size or images.shape[-2:])), dtype=torch.int64)


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


def floats(images: Tensor) -> Tensor:
    """Pictures in [0,1], whatever they come as."""
    return images.float() / 255.0 if images.dtype == torch.uint8 else images


def device_of(model: nn.Module) -> torch.device:
    """Where a network is; the CPU if it has no parameters."""
    parameter = next(model.parameters(), None)
    return parameter.device if parameter is not None else torch.device("cpu")


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """``model.eval()`` for a while; each module then gets back its own mode (a frozen BatchNorm stays frozen)."""
    were = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, was in were:
            module.training = was


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Where windows begin along one side; the last one ends with the picture.

    Example:
        >>> window_starts(10, 4, 0.5), window_starts(3, 8, 0.5)
        ([0, 2, 4, 6], [0])
    """
    window = min(window, length)
    step = max(1, round(window * (1 - overlap)))
    return [*range(0, length - window, step), length - window]


def _pictures(model: nn.Module, images: Tensor) -> Tensor:
    if not isinstance(images, Tensor) or (images.dtype != torch.uint8 and not images.is_floating_point()):
        raise TypeError(f"images: expected uint8 or float (N,3,H,W), received {describe(images)}")
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise ValueError(f"images: expected (N,3,H,W), received {describe(images)}; add a batch with images[None]")
    return floats(images.to(device_of(model), non_blocking=True))


def _forward(model: nn.Module, amp: torch.dtype | None) -> Callable[[Tensor], Tensor]:
    def forward(pictures: Tensor) -> Tensor:
        with torch.autocast(pictures.device.type, amp) if amp is not None else contextlib.nullcontext():
            logits = model(pictures)
        if not isinstance(logits, Tensor) or logits.ndim != 4:
            raise TypeError(f"model: expected logits (B,C,H,W), received {describe(logits)}")
        if logits.shape[-2:] != pictures.shape[-2:]:  # a network that answers at its own stride
            logits = F.interpolate(logits.float(), pictures.shape[-2:], mode="bilinear", align_corners=False)
        return logits

    return forward


def _bands(forward: Callable[[Tensor], Tensor], pictures: Tensor, how: Inference) -> Iterator[Tensor]:
    """Mean logits from the top down, in bands (B,C,rows,W) that no later window touches."""
    height, width = pictures.shape[-2:]
    if how.window is None or (how.window[0] >= height and how.window[1] >= width):
        yield forward(pictures)
        return
    tall, wide = min(how.window[0], height), min(how.window[1], width)
    columns = window_starts(width, wide, how.overlap)
    total: Tensor | None = None  # sums of rows top .. top + tall
    counts = pictures.new_zeros((1, 1, tall, width))
    top = 0
    for y in window_starts(height, tall, how.overlap):
        if total is not None and y > top:
            done = y - top
            yield total[:, :, :done] / counts[:, :, :done]
            for sums in (total, counts):
                kept = sums[:, :, done:].clone()
                sums.zero_()
                sums[:, :, : tall - done] = kept
            top = y
        for x in columns:
            logits = forward(pictures[:, :, y : y + tall, x : x + wide])
            if total is None:
                total = logits.new_zeros((len(pictures), logits.shape[1], tall, width), dtype=torch.float32)
            total[:, :, :, x : x + wide] += logits
            counts[:, :, :, x : x + wide] += 1
    if total is not None:
        yield total / counts


def _averaged(forward: Callable[[Tensor], Tensor], pictures: Tensor, how: Inference) -> Tensor:
    """Mean probabilities over scales and mirror images, at the pictures' size."""
    height, width = pictures.shape[-2:]
    total: Tensor | None = None
    for scale in how.scales:
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        view = pictures
        if size != (height, width):
            view = F.interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)
        for mirrored in (False, True) if how.flip else (False,):
            bands = _bands(forward, view.flip(3) if mirrored else view, how)
            shares = torch.cat([band.float().softmax(1) for band in bands], dim=2)
            shares = shares.flip(3) if mirrored else shares
            if size != (height, width):
                shares = F.interpolate(shares, (height, width), mode="bilinear", align_corners=False)
            total = shares if total is None else total + shares
    if total is None:
        raise ValueError("scales: expected at least one")
    return total / (len(how.scales) * (1 + how.flip))


def _only(scores: Tensor, among: Sequence[int] | None) -> Tensor:
    return scores if among is None else scores[:, list(among)]


def _classes(indices: Tensor, count: int, among: Sequence[int] | None) -> Tensor:
    if among is not None:
        indices = torch.tensor(list(among), device=indices.device)[indices]
    return (indices.to(torch.uint8) if count <= 256 else indices).cpu()
