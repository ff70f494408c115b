"""What a run trains on, as a few words that travel to other processes and into the run folder."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gltr_lib import datasets
from gltr_lib._fields import from_dict, pairs
from gltr_lib._json import parse
from gltr_lib._typed import typed
from gltr_lib.config import TrainConfig
from gltr_lib.datasets.looks import Streets
from gltr_lib.datasets.rendered import load


@dataclass(frozen=True)
class Data:
    """A source data set by name.

    Attributes:
        name: "streets", "folder", or a layout of ``gltr_lib.datasets.open_dataset`` such as "gta5".
        root: its folder (not for streets).
        split: what is trained on.
        val_split: what is validated on, where the settings ask for it: always of the same source.
        prepared: folder of label maps that were converted to trainIds beforehand.
        copies: folder of offline copies for "gtr" views.
        size: (height, width) to which pictures are brought; None leaves them (streets: the crop).
        look: of streets.
        options: further ones of ``open_dataset`` (lists, version, mapping), as a mapping or as pairs.

    Example:
        >>> Data.from_json(Data("gta5", root="data/gta5").to_json()).split
        'train'
    """

    name: str = "streets"
    root: str | None = None
    split: str = "train"
    val_split: str = "val"
    prepared: str | None = None
    copies: str | None = None
    size: tuple[int, int] | None = None
    look: str = "game"
    options: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", pairs(self.options, "options"))

    def to_json(self) -> str:
        """The description as one line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    @typed
    def from_json(cls, text: str) -> Data:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: not JSON, or unknown fields.
        """
        try:
            values = parse(text)
        except ValueError as error:
            raise ValueError(f"a data description is a JSON object; this is not JSON: {error}") from None
        return from_dict(cls, values)

    def train(self, config: TrainConfig) -> Any:
        """Open what is trained on.

        Raises:
            ValueError: an unknown name, or a folder that does not hold such a data set.
        """
        return self._open(self.split, config)

    def val(self, config: TrainConfig) -> Any | None:
        """Open the source's validation split, or None where the settings ask for none."""
        return self._open(self.val_split, config) if config.val_every else None

    def _open(self, split: str, config: TrainConfig) -> Any:
        if self.name == "streets":
            return self._streets(split, config)
        found = datasets.open_dataset(
            self.name, self.root, split, size=self.size, prepared=self.prepared, **dict(self.options)
        )
        if isinstance(found, datasets.FolderPairs):  # whose classes are the user's own
            found.num_classes = config.num_classes
        return found

    def _streets(self, split: str, config: TrainConfig) -> Held:
        """Rendered streets, kept on disk and held in memory: a loader would render each of them in every epoch."""
        seeds = {"train": datasets.TRAIN_SEEDS, "val": datasets.VAL_SEEDS}
        if split not in seeds:
            raise ValueError(f"streets: unknown split {split!r}; valid: train, val (eval is for scores after training)")
        streets = Streets(f"streets/{self.look}", ((self.look, tuple(seeds[split])),))
        return Held(*load(streets, self.size or config.crop), f"streets/{self.look}/{split}")


class Held:
    """Pictures in memory, as a data set of pairs.

    Args:
        images: uint8 (N,3,H,W).
        labels: uint8 (N,H,W).
        name: source and split, such as "streets/game/train".
    """

    def __init__(self, images: Tensor, labels: Tensor, name: str) -> None:
        self.pixels, self.classes, self.name = images, labels, name

    def __len__(self) -> int:
        return len(self.pixels)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture uint8 (H,W,3) and label map uint8 (H,W)."""
        return self.pixels[index].permute(1, 2, 0).numpy(), self.classes[index].numpy()

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.pixels[index].float() / 255, self.classes[index].to(torch.int64)
