"""Forward passes behind :mod:`gltr_lib.evaluate.inference`: windows in bands, averaged views, the largest score.

Windows are summed row by row. A band of rows that no later window touches is handed on at once, so memory holds one
row of windows, whatever the picture's height.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib._typed import strictly_typed
from gltr_lib._validate import describe
from gltr_lib.labels import IGNORE


def floats(images: Tensor) -> Tensor:
    """Pictures in [0,1], whatever they come as."""
    return images.float() / 255.0 if images.dtype == torch.uint8 else images


def pictures_for(model: nn.Module, images: Tensor, where: torch.device | None = None) -> Tensor:
    """Pictures in [0,1] where a network is (or ``where``), in its precision: NumPy makes doubles unasked."""
    where = where or device_of(model)
    # Only towards a GPU: a copy from there that is not waited for may be read before it has come.
    return floats(images.to(where, non_blocking=where.type == "cuda")).to(kind_of(model))


def kind_of(model: nn.Module) -> torch.dtype:
    """The precision of a network's numbers."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)


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


def forward_of(model: nn.Module, amp: torch.dtype | None) -> Callable[[Tensor], Tensor]:
    """The network as a function of pictures in [0,1], in autocast if asked, with logits at the pictures' size."""

    def forward(pictures: Tensor) -> Tensor:
        with torch.autocast(pictures.device.type, amp) if amp is not None else contextlib.nullcontext():
            logits = model(pictures)
        if not isinstance(logits, Tensor) or logits.ndim != 4:
            raise TypeError(f"model: expected logits (B,C,H,W), received {describe(logits)}")
        # A network may answer at its own stride.
        return logits if logits.shape[-2:] == pictures.shape[-2:] else resized(logits.float(), pictures.shape[-2:])

    return forward


def resized(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Logits at another size, bilinearly; as they are if that is theirs."""
    if tuple(logits.shape[-2:]) == tuple(size):
        return logits
    return F.interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def bands(
    forward: Callable[[Tensor], Tensor], pictures: Tensor, window: tuple[int, int] | None, overlap: float
) -> Iterator[Tensor]:
    """Mean logits from the top down, in bands (B,C,rows,W) that no later window touches."""
    height, width = pictures.shape[-2:]
    if window is None or (window[0] >= height and window[1] >= width):
        yield forward(pictures)
        return
    tall, wide = min(window[0], height), min(window[1], width)
    columns = window_starts(width, wide, overlap)
    total: Tensor | None = None  # sums of rows top .. top + tall
    counts = pictures.new_zeros((1, 1, tall, width))
    top = 0
    for y in window_starts(height, tall, overlap):
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
                if logits.is_contiguous(
                    memory_format=torch.channels_last
                ):  # sums in the network's own order add faster
                    total = total.contiguous(memory_format=torch.channels_last)
            total[:, :, :, x : x + wide] += logits
            counts[:, :, :, x : x + wide] += 1
    if total is not None:
        yield total / counts


def averaged(
    forward: Callable[[Tensor], Tensor],
    pictures: Tensor,
    window: tuple[int, int] | None,
    overlap: float,
    *,
    flip: bool,
    scales: Sequence[float],
) -> Tensor:
    """Mean probabilities over scales and mirror images, at the pictures' size."""
    height, width = pictures.shape[-2:]
    total: Tensor | None = None
    for scale in scales:
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        view = pictures
        if size != (height, width):
            view = F.interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)
        for mirrored in (False, True) if flip else (False,):
            parts = bands(forward, view.flip(3) if mirrored else view, window, overlap)
            shares = torch.cat([part.float().softmax(1) for part in parts], dim=2)
            shares = shares.flip(3) if mirrored else shares
            if size != (height, width):
                shares = F.interpolate(shares, (height, width), mode="bilinear", align_corners=False)
            total = shares if total is None else total + shares
    if total is None:
        raise ValueError("scales: expected at least one")
    return total / (len(scales) * (1 + flip))


def most_probable(scores: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """The class with the largest score at each pixel (the lower one of equals), int64 (B,h,w).

    Args:
        scores: (B,C,H,W).
        size: resize the scores bilinearly first; class by class, so that C full-size planes never exist at once.

    Raises:
        ValueError: NaN among the scores: a class would come out of it like any other.

    Example:
        >>> most_probable(torch.tensor([1.0, 3.0, 3.0]).view(1, 3, 1, 1)).item()
        1
    """
    if size is None or tuple(size) == tuple(scores.shape[-2:]):
        # On a CPU ``argmax`` over a dimension in the middle takes three times as long as ``max``; both take the first,
        # and NaN for the largest.
        if scores.is_cuda:
            classes = scores.argmax(1)
            _no_nan(scores.gather(1, classes[:, None]))
            return classes
        largest, classes = scores.max(1)
        _no_nan(largest)
        return classes
    best: Tensor | None = None
    classes = torch.zeros((len(scores), *size), dtype=torch.int64, device=scores.device)
    for number in range(scores.shape[1]):
        plane = F.interpolate(scores[:, number : number + 1].float(), size, mode="bilinear", align_corners=False)[:, 0]
        if best is None:
            best = plane
        else:
            classes.masked_fill_(plane > best, number)
            best = torch.maximum(best, plane)
    if best is not None:
        _no_nan(best)
    return classes


def _no_nan(largest: Tensor) -> None:
    if largest.isnan().any():
        raise ValueError(
            "logits: expected numbers, received NaN: the network has diverged, overflows in half precision, or was"
            " given pictures with NaN"
        )


def is_dense(images: Tensor) -> bool:
    """Whether a tensor's values lie in memory: neither sparse nor on the meta device."""
    return images.layout is torch.strided and not images.is_meta


@strictly_typed
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
    if probabilities.ndim < 2 or probabilities.layout is not torch.strided:
        raise ValueError(f"probabilities: expected (B,C,H,W), received {describe(probabilities)}")
    if not groups or any(not (0 <= group <= IGNORE) for group in groups) or all(group == IGNORE for group in groups):
        raise ValueError(f"groups: expected numbers from 0, or {IGNORE} to drop a class, received {describe(groups)}")
    if len(groups) != probabilities.shape[1]:
        raise ValueError(f"groups: expected one for each of {probabilities.shape[1]} classes, received {len(groups)}")
    kept = [(i, g) for i, g in enumerate(groups) if g != IGNORE]
    out = probabilities.new_zeros((len(probabilities), max(g for _, g in kept) + 1, *probabilities.shape[2:]))
    index = torch.tensor([g for _, g in kept], device=probabilities.device)
    return out.index_add_(1, index, probabilities[:, [i for i, _ in kept]])
