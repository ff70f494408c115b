"""What one step reads: places, each with its picture, cut out and mirrored in loader processes, the same everywhere.

Step k has S places. Everything random about place j of step k is a function of (seed, k, j), so a sample is the same in
whatever process, loader worker or part of a batch it is made, and a resumed run goes on with the next place: there is
no state to keep. Loader processes decode, cut, scale and mirror (torchvision's transforms v2, picture and label map
alike); painting, jitter and blur follow on the device.

A window that reaches beyond its picture sees it mirrored, which leaves its channel statistics (AdaIN reads them) those
of a street; the label there is 255, so that nothing is learned.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as v2

from gltr_lib._step import GEOMETRY, TEXTURE, source_indices, step_seed
from gltr_lib.config import TrainConfig, painted_views
from gltr_lib.datasets import read_image
from gltr_lib.datasets.pairs import name_of, pair_as_bytes
from gltr_lib.labels import IGNORE
from gltr_lib.views import Geometry, draw_geometry

Place = tuple[int, int, int]  # step, place in the step, index of the picture
_COPY_STREAM = TEXTURE + 100  # which copies a place reads: apart from the draws of the views


def place_generator(seed: int, step: int, place: int, stream: int) -> torch.Generator:
    """The generator of one place of one step.

    Args:
        seed: of the run.
        step: number of the step.
        place: number of the place in the whole step, over all processes.
        stream: number of the stream, so that geometry, texture and photometry are apart.

    Returns:
        A fresh CPU generator.

    Example:
        >>> a, b = (place_generator(0, 7, place, 1) for place in (0, 1))
        >>> a.initial_seed() != b.initial_seed()
        True
    """
    return torch.Generator().manual_seed(step_seed(step_seed(seed, step, stream), place, stream))


class Steps(Sampler[list[Place]]):
    """The places of one process, a list for each step, from any step on.

    Args:
        config: gives seed, steps, source images, processes and accumulate.
        count: number of source pictures.
        rank: number of this process.
        first: step to begin with.

    Example:
        >>> config = TrainConfig(steps=3, forward_images=4, processes=2)
        >>> [[place for _, place, _ in step] for step in Steps(config, 10, rank=1, first=1)]
        [[2, 3], [2, 3]]
    """

    def __init__(self, config: TrainConfig, count: int, rank: int = 0, first: int = 0) -> None:
        self.config, self.count, self.rank, self.first = config, count, rank, first

    def __len__(self) -> int:
        return self.config.steps - self.first

    def __iter__(self) -> Iterator[list[Place]]:
        places = own_places(self.config, self.rank)
        for step in range(self.first, self.config.steps):
            indices = source_indices(step, self.count, self.config).tolist()
            yield [(step, place, indices[place]) for place in places]


def own_places(config: TrainConfig, rank: int) -> list[int]:
    """The places of a step that a process computes: its share of each accumulated part, part after part."""
    size = config.source_images // (config.processes * config.accumulate)
    starts = [(part * config.processes + rank) * size for part in range(config.accumulate)]
    return [start + i for start in starts for i in range(size)]


@dataclass(frozen=True)
class Trouble:
    """An error of a sample on its way out of a loader process, which would wrap it in a page of text."""

    error: Exception


@dataclass
class Batch:
    """The samples of one process and one step, still as bytes.

    Attributes:
        step: number of the step.
        places: their numbers in the step.
        images: uint8 (B,3,h,w).
        labels: uint8 (B,h,w).
        copies: uint8 (B,3,h,w), one for each view that would be painted online.
    """

    step: int
    places: list[int]
    images: Tensor
    labels: Tensor
    copies: list[Tensor]

    def pin_memory(self) -> Batch:
        """In page-locked memory, from where a GPU copies without waiting (the loader calls this)."""
        copies = [copy.pin_memory() for copy in self.copies]
        return Batch(self.step, self.places, self.images.pin_memory(), self.labels.pin_memory(), copies)


class Copies:
    """Offline copies of a dataset's pictures: ``copy-00``, ``copy-01``, ... as ``gltr stylize --copies`` writes them,
    or a folder that is a single copy.

    Args:
        root: folder of the copies.
        pictures: files of the source pictures, whose names the copies carry.

    Raises:
        ValueError: no copies there, or pictures without one (some are named).
    """

    def __init__(self, root: str | os.PathLike[str], pictures: Sequence[Path]) -> None:
        base = Path(root)
        # A single copy lies in the folder itself, as gltr stylize writes it.
        self.folders = sorted(path for path in base.glob("copy-*") if path.is_dir()) or [base]
        # Copies keep the source's names below some folder of it: how many parts of the path is seen from the first.
        parts = pictures[0].parts[1 if pictures[0].is_absolute() else 0 :]
        tails = [Path(*parts[-n:]) for n in range(len(parts), 0, -1)]
        endings = (None, ".png", ".jpg")  # the source's own, or the one that gltr stylize --format gives to all
        first = next((t for t in product(tails, endings) if (self.folders[0] / _ending(*t)).is_file()), None)
        if first is None:
            raise ValueError(
                f"{self.folders[0]}: no copy of {pictures[0]} there; expected the source's names, in copy-00, copy-01, "
                f"... if there are several, as gltr stylize --copies writes them"
            )
        depth, ending = len(first[0].parts), first[1]
        if (self.folders[0] / _ending(*first)).samefile(pictures[0]):
            raise ValueError(f"{base}: holds the source's own pictures; expected their stylised copies")
        self.names = [_ending(Path(*picture.parts[-depth:]), ending) for picture in pictures]
        lost = [str(folder / name) for folder in self.folders for name in self.names if not (folder / name).is_file()]
        if lost:
            more = f" (and {len(lost) - 3} more)" if len(lost) > 3 else ""
            raise ValueError(f"copies are missing: {', '.join(lost[:3])}{more}; run gltr stylize again, it resumes")

    def __len__(self) -> int:
        return len(self.folders)

    def draw(self, views: int, generator: torch.Generator) -> list[int]:
        """Which copies the painted views of a place show: different ones, as far as there are enough."""
        order = torch.randperm(len(self), generator=generator).tolist()
        return [order[i % len(order)] for i in range(views)]

    def read(self, copy: int, index: int) -> np.ndarray:
        """One copy of one picture, uint8 (H,W,3)."""
        return read_image(self.folders[copy] / self.names[index])


def _ending(name: Path, ending: str | None) -> Path:
    return name if ending is None else name.with_suffix(ending)


class Samples(Dataset[Any]):
    """From a place to its cut-out picture, label map and offline copies; all errors name the picture.

    Args:
        dataset: with ``pair(index)`` -> uint8 (H,W,3) and (H,W), or items (float (3,H,W), int64 (H,W)).
        config: gives seed, crop, scale, flip and num_classes.
        copies: offline copies for the views that would be painted online.
    """

    def __init__(self, dataset: Any, config: TrainConfig, copies: Copies | None = None) -> None:
        self.dataset, self.config, self.copies = dataset, config, copies
        self.painted_views = painted_views(config.method.views) if copies is not None else 0

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: Place) -> tuple[Place, Tensor, Tensor, list[Tensor]] | Trouble:
        try:
            return self.make(place)
        except (ValueError, TypeError, OSError) as error:
            return Trouble(error)

    def make(self, place: Place) -> tuple[Place, Tensor, Tensor, list[Tensor]]:
        """The sample of a place: picture uint8 (3,h,w), label map uint8 (h,w), copies like the picture."""
        step, number, index = place
        config = self.config
        image, label = pair_as_bytes(self.dataset, index)
        window = Window.draw(label.shape, config, place_generator(config.seed, step, number, GEOMETRY))
        target = window.labels(label)
        bad = target[(target >= config.num_classes) & (target != IGNORE)]
        if bad.numel():
            raise ValueError(
                f"{name_of(self.dataset, index)}: label ids {bad.unique()[:10].tolist()} are outside the "
                f"{config.num_classes} classes; expected trainIds or 255 (gltr prepare converts, num_classes widens)"
            )
        painted = []
        if self.copies is not None:
            drawn = self.copies.draw(self.painted_views, place_generator(config.seed, step, number, _COPY_STREAM))
            for copy in drawn:
                pixels = self.copies.read(copy, index)
                if pixels.shape != image.shape:
                    file = self.copies.folders[copy] / self.copies.names[index]
                    raise ValueError(
                        f"{file}: is {pixels.shape[1]}x{pixels.shape[0]}, its source is {image.shape[1]}x"
                        f"{image.shape[0]}; a copy has the size of its source"
                    )
                painted.append(window.pixels(pixels))
        return place, window.pixels(image), target, painted


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture in whole pixels (it may reach beyond), and what becomes of it.

    Attributes:
        top, left, height, width: of the rectangle, in source pixels.
        crop: (height, width) of the result.
        mirror: whether it is mirrored left to right.
    """

    top: int
    left: int
    height: int
    width: int
    crop: tuple[int, int]
    mirror: bool

    @classmethod
    def draw(cls, size: tuple[int, ...], config: TrainConfig, generator: torch.Generator) -> Window:
        """The window of a place in a picture of a size; the draw is that of the in-memory engine."""
        geometry: Geometry = draw_geometry(
            1, (size[0], size[1]), config.crop, scale=config.scale, flip=config.flip, generator=generator
        )
        zoom = geometry.zoom.item()
        height, width = (max(1, round(side / zoom)) for side in config.crop)
        return cls(round(geometry.top.item()), round(geometry.left.item()), height, width, config.crop,
                   bool(geometry.mirror.item()))  # fmt: skip

    def pixels(self, image: np.ndarray) -> Tensor:
        """Cut a picture uint8 (H,W,3): smoothly scaled, mirrored where the window leaves it -> uint8 (3,h,w)."""
        cut, _ = self._take(image)
        picture = torch.from_numpy(cut).permute(2, 0, 1)
        if (self.height, self.width) != self.crop:
            picture = v2.resize(picture, list(self.crop), interpolation=InterpolationMode.BILINEAR, antialias=True)
        return (v2.horizontal_flip(picture) if self.mirror else picture).contiguous()

    def labels(self, label: np.ndarray) -> Tensor:
        """Cut a label map uint8 (H,W): nearest pixel, 255 where the window leaves it -> uint8 (h,w)."""
        cut, inside = self._take(label)
        if inside is not None:
            cut = np.where(inside, cut, np.uint8(IGNORE))
        target = torch.from_numpy(cut)[None]
        if (self.height, self.width) != self.crop:
            target = v2.resize(target, list(self.crop), interpolation=InterpolationMode.NEAREST_EXACT)
        return (v2.horizontal_flip(target) if self.mirror else target)[0].contiguous()

    def _take(self, array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        rows, columns = np.arange(self.top, self.top + self.height), np.arange(self.left, self.left + self.width)
        height, width = array.shape[:2]
        if rows[0] >= 0 and columns[0] >= 0 and rows[-1] < height and columns[-1] < width:
            cut = array[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            return np.ascontiguousarray(cut), None
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None, :]
        return array[_mirrored(rows, height)[:, None], _mirrored(columns, width)[None, :]], inside


def collate(samples: Sequence[Any]) -> Batch | Trouble:
    """Join the samples of a step; the first error takes the place of all."""
    for sample in samples:
        if isinstance(sample, Trouble):
            return sample
    places, images, labels, copies = zip(*samples, strict=True)
    return Batch(
        places[0][0], [place[1] for place in places], torch.stack(images), torch.stack(labels),
        [torch.stack(view) for view in zip(*copies, strict=True)],
    )  # fmt: skip


def _mirrored(index: np.ndarray, size: int) -> np.ndarray:
    """Indices beyond the edge, folded back as often as it takes: ... 1 0 | 0 1 2 | 2 1 0 | 0 1 ..."""
    folded = index % (2 * size)
    return np.minimum(folded, 2 * size - 1 - folded)
