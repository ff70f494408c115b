"""Small third-party sets that lie in a folder of the reader's own: IDD-Lite, Cityscapes' samples, AirSim, CARLA.

None of them comes with the course. Each is ``images`` and ``labels`` side by side; what the ids mean is in
:mod:`gltr_lib.labels`. IDD-Lite and the Cityscapes samples are photographs, only ever scored; the frames of AirSim and
CARLA are rendered, and their labels come in the five classes that all of these sets share.

Neighbouring AirSim frames are near-duplicates, so its split is by time: the last part of the drive is the source's own
validation, and a stretch before it is left out. Both cameras are cut at the same moment. One picture of the set is
black while its label map is not; it is left out by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gltr_lib._typed import typed
from gltr_lib._validate import check_choice
from gltr_lib.datasets.folder import FolderPairs, PathLike
from gltr_lib.labels import AIRSIM_TO_COMMON5, COMMON5, IDD_LITE, IGNORE, TRAIN_ID_TO_COMMON5

#: Frame numbers below the first train, from the second on validate; between them nothing is read.
AIRSIM_CUT = (520, 560)
#: Pictures that hold nothing.
AIRSIM_BLACK = frozenset({"front00000"})
AIRSIM_SPLITS = ("train", "val")


class IDDLite(FolderPairs):
    """IDD-Lite's photographs of Indian roads, with its own seven classes (``labels.IDD_LITE``), 255 = ignore.

    Args:
        root: folder that holds ``val/images`` and ``val/labels``, or these two themselves.
        size: (height, width) to which pairs are brought; None leaves 227x320.

    Raises:
        ValueError: what FolderPairs raises.
    """

    name = "idd_lite"
    class_names = IDD_LITE

    def __init__(self, root: PathLike, *, size: tuple[int, int] | None = None) -> None:
        base = Path(root) / "val" if (Path(root) / "val").is_dir() else Path(root)
        table = {**{number: number for number in range(len(IDD_LITE))}, IGNORE: IGNORE}
        super().__init__(base / "images", base / "labels", table, num_classes=len(IDD_LITE), size=size)


class CityscapesSamples(FolderPairs):
    """Cityscapes' freely shown samples with trainIds, at the size in which they are at hand.

    Args:
        root: folder that holds ``images`` and ``labels``.
        size: (height, width) to which pairs are brought; None leaves them.

    Raises:
        ValueError: what FolderPairs raises.
    """

    name = "cityscapes"

    def __init__(self, root: PathLike, *, size: tuple[int, int] | None = None) -> None:
        super().__init__(Path(root) / "images", Path(root) / "labels", None, num_classes=19, size=size)


class Rendered(FolderPairs):
    """Rendered frames in Common-5 classes at a width, aspect kept; see :func:`airsim` and :func:`carla`."""

    class_names = COMMON5

    def __init__(self, folder: Path, classes: Sequence[int], width: int | None) -> None:
        table = {**dict(enumerate(classes)), IGNORE: IGNORE}  # any other id is an error
        super().__init__(folder / "images", folder / "labels", table, num_classes=len(COMMON5))
        self.width = width

    def keep(self, wanted: list[str]) -> None:
        """Leave only the pairs of these keys."""
        places = [self._keys.index(key) for key in wanted]
        self.images, self.labels = [self.images[p] for p in places], [self.labels[p] for p in places]
        self._keys = wanted

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image, label = super().pair(index)
        if self.width is None or self.width == image.shape[1]:
            return image, label
        size = (self.width, max(1, round(image.shape[0] * self.width / image.shape[1])))
        return (
            np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)),
            np.array(Image.fromarray(label).resize(size, Image.Resampling.NEAREST)),
        )


@typed
def airsim(root: PathLike, split: str = "train", *, width: int | None = None) -> Rendered:
    """The AirSim frames (a suburb, cameras about ten metres up) in Common-5 classes.

    Args:
        root: folder that holds ``train/images`` and ``train/labels``, or these two themselves.
        split: "train", or "val": the end of the same drive.
        width: to which frames are brought, aspect kept; None leaves 256.

    Returns:
        A dataset of (image, label) in the order of cameras and frame numbers.

    Raises:
        ValueError: another split, a file that is not named after camera and frame, nothing left of the split, or what
            FolderPairs raises.
    """
    check_choice(split, AIRSIM_SPLITS, "airsim: split")
    base = Path(root) / "train" if (Path(root) / "train").is_dir() else Path(root)
    out = Rendered(base, AIRSIM_TO_COMMON5, width)
    first, second = AIRSIM_CUT
    wanted = []
    for key in out.keys:
        found = re.fullmatch(r"[a-z]+(\d+)", key)
        if found is None:
            raise ValueError(f"{base}: expected frames named after camera and number (back00040), found {key!r}")
        number = int(found[1])
        if key not in AIRSIM_BLACK and (number < first if split == "train" else number >= second):
            wanted.append(key)
    if not wanted:
        raise ValueError(
            f"{base}: no frame of split {split!r} among {len(out)} (train: below {first}, val: {second} on)"
        )
    out.keep(wanted)
    out.name = f"airsim/{split}"
    return out


@typed
def carla(root: PathLike, *, width: int | None = None) -> Rendered:
    """CARLA's frames (trainIds in the files) in Common-5 classes.

    Args:
        root: folder that holds ``images`` and ``labels``.
        width: to which frames are brought, aspect kept; None leaves them.

    Returns:
        A dataset of (image, label).

    Raises:
        ValueError: what FolderPairs raises.
    """
    out = Rendered(Path(root), TRAIN_ID_TO_COMMON5, width)
    out.name = "carla"
    return out
