"""Pictures and labels from files: one at a time against plain Pillow, many through a DataLoader.

Our reader also turns EXIF, palettes, transparency, CMYK and 16 bit into RGB and refuses bombs; this is what that costs
on an ordinary file, where nothing of it is needed.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from gltr_lib import streets
from gltr_lib._read import read_image, read_label
from gltr_lib.bench import Case, Made
from gltr_lib.labels import LABEL_ID_TO_TRAIN_ID, LABEL_IDS


def folder_of(size: tuple[int, int], count: int) -> Path:
    """A folder with ``count`` streets as PNG and JPEG, and their label ids as PNG."""
    folder = Path(tempfile.mkdtemp(prefix="gltr-bench-"))
    image, label = streets.render(1, "game", size)
    for number in range(count):
        Image.fromarray(np.roll(image, 7 * number, 1)).save(folder / f"{number:03}.png", compress_level=3)
        Image.fromarray(np.roll(image, 7 * number, 1)).save(folder / f"{number:03}.jpg", quality=92)
        ids = np.asarray(LABEL_IDS, np.uint8)[np.roll(label, 7 * number, 1)]
        Image.fromarray(ids).save(folder / f"{number:03}_ids.png")
    return folder


def plain(path: Path) -> np.ndarray:
    """What a loader of a few lines does."""
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


class Plain(torch.utils.data.Dataset[Any]):
    """The few lines as a data set; ``read`` decodes one file."""

    def __init__(self, files: list[Path], read: Any) -> None:
        self.files, self.read = files, read

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.read(self.files[index]))


def cases(small: bool, device: str) -> list[Case]:
    """PNG, JPEG, labels, and a DataLoader with two workers."""
    size, count = ((64, 128), 4) if small else ((1052, 1914), 8)

    def one(ending: str) -> Case:
        def make() -> Made:
            folder = folder_of(size, 1)
            file = folder / f"000{ending}"
            return Made(
                lambda: read_image(file), lambda: plain(file),
                lambda mine, other: "" if np.array_equal(mine, other) else "other pixels",
                bytes=3.0 * size[0] * size[1], close=lambda: shutil.rmtree(folder),
            )  # fmt: skip

        return Case(f"read a {ending[1:].upper()}, {size[1]}x{size[0]}", make, "plain Pillow")

    def label() -> Made:
        folder = folder_of(size, 1)
        file = folder / "000_ids.png"
        return Made(
            lambda: read_label(file, LABEL_ID_TO_TRAIN_ID), lambda: LABEL_ID_TO_TRAIN_ID[np.array(Image.open(file))],
            lambda mine, other: "" if np.array_equal(mine, other) else "other trainIds",
            bytes=1.0 * size[0] * size[1], close=lambda: shutil.rmtree(folder),
        )  # fmt: skip

    def workers() -> Made:
        folder = folder_of(size, count)
        files = sorted(folder.glob("*.jpg")) * 4

        def through(read: Any, number: int) -> int:
            loader = torch.utils.data.DataLoader(
                Plain(files, read), batch_size=4, num_workers=number, multiprocessing_context="fork" if number else None
            )
            return sum(len(batch) for batch in loader)

        return Made(
            lambda: through(read_image, 2), lambda: through(plain, 0),
            lambda mine, other: "" if mine == other == len(files) else "pictures are missing",
            units=len(files), peer_units=len(files), bytes=3.0 * size[0] * size[1] * len(files),
            close=lambda: shutil.rmtree(folder),
        )  # fmt: skip

    return [
        one(".png"),
        one(".jpg"),
        Case("read a label map", label, "plain Pillow and a table"),
        Case("DataLoader, two workers, JPEG", workers, "plain Pillow in the main process", repeat=3),
    ]
