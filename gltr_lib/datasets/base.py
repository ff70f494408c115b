"""What every dataset here is: pictures with label maps in a row, as arrays or as tensors; and how to hold it whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gltr_lib._typed import describe, strictly_typed
from gltr_lib.datasets.pairs import label_bytes, name_of, picture_bytes


class PairDataset(Protocol):
    """What the functions below ask of a dataset."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]: ...


@strictly_typed
def to_tensors(image: np.ndarray, label: np.ndarray) -> tuple[Tensor, Tensor]:
    """Turn a picture and its label map into what networks eat.

    Args:
        image: uint8 array (H, W, 3).
        label: uint8 array (H, W).

    Returns:
        (image float32 (3,H,W) in [0,1], label int64 (H,W)).

    Example:
        >>> image, label = to_tensors(np.full((2, 2, 3), 255, np.uint8), np.zeros((2, 2), np.uint8))
        >>> image.max().item(), label.dtype
        (1.0, torch.int64)
    """
    if image.ndim != 3 or image.dtype.kind not in "uif" or label.dtype.kind not in "ui":
        raise ValueError(
            f"to_tensors: expected image (H,W,3) and label (H,W), received {describe(image)} and {describe(label)}"
        )
    return (
        torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255,
        torch.from_numpy(np.ascontiguousarray(label)).long(),
    )


class Arrays:
    """What the datasets here share: :meth:`pair` gives arrays, items are tensors.

    A subclass gives ``__len__`` and ``pair``; ``keys`` and ``name`` have defaults that are good enough for a log.
    """

    #: Name of the dataset in logs and tables.
    name: str = "pairs"

    def __len__(self) -> int:
        raise NotImplementedError

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture and the label map at a position, as uint8 arrays (H,W,3) and (H,W)."""
        raise NotImplementedError

    @property
    def keys(self) -> list[str]:
        """The name of each pair: what files written for it are called."""
        return [f"{index:06d}" for index in range(len(self))]

    def arrays(self) -> tuple[np.ndarray, np.ndarray] | None:
        """All pairs at once, uint8 (N,H,W,3) and (N,H,W), where that is quicker than one by one; else None."""
        return None

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} outside a dataset of {len(self)} pairs")
        return to_tensors(*self.pair(index))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self[index] for index in range(len(self)))


@strictly_typed
def resize_pair(image: np.ndarray, label: np.ndarray, size: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Bring a picture (smoothly) and its label map (by nearest) to (height, width); None leaves them.

    Example:
        >>> image, label = resize_pair(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8), (2, 3))
        >>> image.shape, label.shape
        ((2, 3, 3), (2, 3))
    """
    if size is None or tuple(size) == label.shape == image.shape[:2]:
        return image, label
    height, width = size
    if min(size) < 1 or max(size) > 65_535:
        raise ValueError(f"size: expected (height, width) from 1 to 65,535, received {size}")
    return (
        np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)),
        np.array(Image.fromarray(label).resize((width, height), Image.Resampling.NEAREST)),
    )


def stack(dataset: PairDataset) -> tuple[Tensor, Tensor]:
    """Hold a whole dataset in two uint8 tensors, as the engine takes it.

    Args:
        dataset: items (image float (3,H,W) in [0,1], label int64 (H,W)), all of one size.

    Returns:
        (images uint8 (N,3,H,W), labels uint8 (N,H,W)).

    Raises:
        ValueError: an empty dataset, pictures of several sizes, or numbers that are no pixels or no label ids.

    Example:
        >>> images, labels = stack([(torch.ones(3, 2, 4), torch.zeros(2, 4).long())] * 5)
        >>> images.shape, images.dtype, labels.shape
        (torch.Size([5, 3, 2, 4]), torch.uint8, torch.Size([5, 2, 4]))
    """
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__") or getattr(dataset, "ndim", 1) == 0:
        raise TypeError(f"dataset: expected pairs with len() and [], received {describe(dataset)}")
    if len(dataset) == 0:
        raise ValueError("stack needs at least one picture; the dataset is empty")
    whole = dataset.arrays() if isinstance(dataset, Arrays) else None
    if whole is not None:
        pictures, maps = whole
        return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(maps)
    images: Tensor | None = None
    labels: Tensor | None = None
    for index in range(len(dataset)):
        pair = dataset[index]
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(part, Tensor) for part in pair):
            raise TypeError(f"dataset: expected items (image, label) of tensors, item {index} is {describe(pair)}")
        image, label = pair
        if images is None or labels is None:
            images = torch.empty((len(dataset), *image.shape), dtype=torch.uint8)
            labels = torch.empty((len(dataset), *label.shape), dtype=torch.uint8)
        if image.shape != images.shape[1:] or label.shape != labels.shape[1:]:
            raise ValueError(
                f"stack needs pictures of one size: item 0 is {tuple(images.shape[1:])} with labels "
                f"{tuple(labels.shape[1:])}, item {index} is {tuple(image.shape)} with labels {tuple(label.shape)}; "
                f"give the dataset size=(height, width)"
            )
        try:
            images[index], labels[index] = picture_bytes(image), torch.from_numpy(label_bytes(label))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name_of(dataset, index)}: {error}") from None
    if images is None or labels is None:
        raise ValueError("stack needs at least one picture; the dataset is empty")
    return images, labels
