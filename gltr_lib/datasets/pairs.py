"""A pair of any dataset as bytes, checked: whoever trains on or scores somebody's dataset reads it through here.

A picture that was normalised already (-1.7 is no grey level) or a label id above 255 would wrap around into bytes that
look like any others. Both are refused, since a network would learn from them without a word.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gltr_lib._typed import describe

_NEARLY = 1e-3  # how far beyond [0,1] rounding may take a float


def pair_as_bytes(dataset: Any, index: int, name: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The picture and the label map at a position, from either kind of dataset.

    Args:
        dataset: with ``pair(index)`` -> arrays (H,W,3) and (H,W) of whole numbers 0..255, or items of tensors
            (picture (3,H,W), float in [0,1] or uint8; label (H,W), integer).
        index: the position.
        name: what errors call the pair; None = as the dataset does.

    Returns:
        uint8 arrays (H,W,3) and (H,W).

    Raises:
        TypeError, ValueError: anything else; the pair is named.

    Example:
        >>> image, label = pair_as_bytes([(torch.ones(3, 2, 4), torch.zeros(2, 4).long())], 0)
        >>> image.shape, int(image.max()), label.dtype
        ((2, 4, 3), 255, dtype('uint8'))
    """
    if hasattr(dataset, "pair"):
        image, label = (np.asarray(part) for part in dataset.pair(index))
    else:
        image, label = dataset[index]
    try:
        if isinstance(image, Tensor):
            pixels = picture_bytes(image)
            image = (pixels.permute(1, 2, 0).contiguous() if pixels.ndim == 3 else pixels).numpy()
        image, label = _bytes(image, "picture"), label_bytes(label)
        if image.ndim != 3 or image.shape[2] != 3 or label.ndim != 2 or 0 in image.shape:
            raise ValueError(f"expected a picture (H,W,3) and a label (H,W), found {image.shape} and {label.shape}")
        if image.shape[:2] != label.shape:
            raise ValueError(
                f"the picture is {image.shape[1]}x{image.shape[0]} but its label is {label.shape[1]}x{label.shape[0]}; "
                f"a pair must have one size"
            )
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name or name_of(dataset, index)}: {error}") from None
    return image, label


def picture_bytes(image: Tensor) -> Tensor:
    """A picture of any layout as uint8, on the CPU: floats in [0,1] are rounded, uint8 stays.

    Raises:
        TypeError, ValueError: other numbers, such as those of a picture that was normalised.
    """
    if image.dtype == torch.uint8 or not image.numel():
        return image.cpu().to(torch.uint8)
    if not image.is_floating_point():
        raise TypeError(f"expected a picture of floats in [0,1] or of uint8, found {image.dtype}")
    low, high = (float(value) for value in torch.aminmax(image))
    if not (low >= -_NEARLY and high <= 1 + _NEARLY):
        raise ValueError(f"expected a picture in [0,1], found {low:.3g}..{high:.3g}; networks normalise themselves")
    return (image.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu()


def label_bytes(label: Any) -> np.ndarray:
    """A label map as uint8, whatever whole numbers it came in.

    Raises:
        TypeError, ValueError: other numbers than whole ones, or one outside 0..255.
    """
    return _bytes(label.detach().cpu().numpy() if isinstance(label, Tensor) else label, "label")


def name_of(dataset: Any, index: int) -> str:
    """What an error calls a pair: its file or key where the dataset knows it."""
    for names in ("images", "pairs", "keys"):
        known = getattr(dataset, names, None)
        if isinstance(known, Sequence) and not isinstance(known, str):
            found = getattr(known[index], "image", known[index])
            if isinstance(found, str | int | os.PathLike):
                return str(found)
    return f"picture {index}"


def _bytes(array: Any, what: str) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "ui":
        kind = getattr(array, "dtype", None) or describe(array)
        raise TypeError(f"expected a {what} of whole numbers 0..255, found {kind}")
    if array.dtype == np.uint8 or not array.size:
        return array.astype(np.uint8, copy=False)
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise ValueError(f"expected a {what} of 0..255 (in labels 255 = ignore), found {low}..{high}")
    return array.astype(np.uint8)
