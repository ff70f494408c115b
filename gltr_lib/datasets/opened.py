"""One door to every dataset: ``open_dataset(name, root, split)``, whatever lies on the disk behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gltr_lib._read import PathLike, picture_size, read_image
from gltr_lib._typed import typed
from gltr_lib._validate import check_choice
from gltr_lib.datasets.base import Arrays, resize_pair
from gltr_lib.datasets.bdd100k import BDD100K
from gltr_lib.datasets.camvid import CAMVID
from gltr_lib.datasets.cityscapes import CITYSCAPES
from gltr_lib.datasets.folder import FolderPairs
from gltr_lib.datasets.form import Pair
from gltr_lib.datasets.gta5 import GTA5
from gltr_lib.datasets.layout import Layout
from gltr_lib.datasets.streets import EVAL_SEEDS, TRAIN_SEEDS, VAL_SEEDS, StreetsDataset
from gltr_lib.datasets.synthia import SYNTHIA
from gltr_lib.datasets.vistas import VISTAS
from gltr_lib.labels import CLASSES, IGNORE

#: The real and rendered datasets that are read as their authors publish them.
LAYOUTS: Mapping[str, Layout] = {layout.name: layout for layout in (GTA5, SYNTHIA, CITYSCAPES, BDD100K, VISTAS, CAMVID)}
STREETS = {"train": TRAIN_SEEDS, "val": VAL_SEEDS, "eval": EVAL_SEEDS}


class LayoutDataset(Arrays):
    """A split of one of the :data:`LAYOUTS`; :func:`open_dataset` makes it.

    Args:
        layout: how the dataset is read.
        pairs: pictures and label maps.
        split: its name, for logs.
        size: (height, width) to which pairs are brought; None leaves them.
    """

    def __init__(self, layout: Layout, pairs: Sequence[Pair], split: str, size: tuple[int, int] | None = None) -> None:
        self.layout_name, self.pairs, self.split, self.size = layout.name, list(pairs), split, size
        self.name = f"{layout.name}/{split}"

    @property
    def layout(self) -> Layout:
        """How the dataset is read (looked up by name, so that a loader's processes need not be sent it)."""
        return LAYOUTS[self.layout_name]

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the numbers in a label map stand for."""
        return self.layout.class_names

    @property
    def keys(self) -> list[str]:
        """The name of each picture, without ending; unique within the split."""
        return [pair.key for pair in self.pairs]

    def __len__(self) -> int:
        return len(self.pairs)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The picture uint8 (H,W,3) and its label map uint8 (H,W); without published labels 255 everywhere."""
        found = self.pairs[index]
        image = read_image(found.image)
        height, width, _ = image.shape
        label = np.full((height, width), IGNORE, np.uint8) if found.label is None else self.layout.read_label(found)
        if image.shape[:2] != label.shape:
            raise ValueError(
                f"{found.image} is {width}x{height} but its label map {found.label} is "
                f"{label.shape[1]}x{label.shape[0]}; a pair must have one size: unpack both again"
            )
        return resize_pair(image, label, self.size)

    def size_of(self, index: int) -> tuple[int, int]:
        """(height, width) of an item, without decoding its picture."""
        return self.size or picture_size(self.pairs[index].image)


@typed
def open_dataset(
    name: str,
    root: PathLike | None = None,
    split: str | None = None,
    *,
    size: tuple[int, int] | None = None,
    prepared: PathLike | None = None,
    look: str | None = None,
    **options: str | None,
) -> LayoutDataset | StreetsDataset | FolderPairs:
    """Open a dataset by its name.

    Args:
        name: a name in :data:`LAYOUTS`; "streets", the embedded ones; or "folder", any ``images`` with ``labels``
            (trainIds) under ``root`` or ``root/<split>``.
        root: the folder into which the archives were unpacked; None for streets.
        split: "train", "val" ...; see ``LAYOUTS[name].splits``. Streets have "train", "val" and "eval".
        size: (height, width) to which pairs are brought; None leaves them (streets: (128, 256)).
        prepared: folder of trainId PNGs ``<split>/<key>.png``, read instead of the original label maps.
        look: of the streets; "game" if not given.
        options: see :meth:`Layout.pairs`: ``lists`` (gta5, synthia), ``version`` and ``mapping`` (vistas).

    Returns:
        A sequence of (image float (3,H,W) in [0,1], label int64 (H,W)), with ``pair(i)`` -> uint8 arrays, ``keys``
        and ``name``.

    Raises:
        ValueError: an unknown name, split or option, no dataset under ``root``, lone pictures (they are named).

    Example:
        >>> streets = open_dataset("streets", split="val", look="sun", size=(32, 64))
        >>> streets.name, len(streets), streets.keys[0]
        ('streets/sun', 64, '010000')
    """
    check_choice(name, (*LAYOUTS, "streets", "folder"), "open_dataset: name")
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ValueError(f"open_dataset: size must be (height, width), received {size!r}")
    given = [option for option, value in options.items() if value is not None]
    if name == "streets":
        _refuse(name, [*given, *(["prepared"] if prepared else []), *(["root"] if root else [])])
        part = check_choice(split or "train", STREETS, "streets: split")
        return StreetsDataset(STREETS[part], look or "game", size or (128, 256))
    _refuse(name, ["look"] if look else [])
    if root is None:
        raise ValueError(f"{name}: root is missing; give the folder into which the dataset was unpacked")
    if name == "folder":
        _refuse(name, [*given, *(["prepared"] if prepared else [])])
        return _folder(Path(root), split, size)
    layout = LAYOUTS[name]
    part = check_choice(split, layout.splits, f"{name}: split")
    return LayoutDataset(layout, layout.pairs(root, part, prepared=prepared, **options), part, size)


def _folder(root: Path, split: str | None, size: tuple[int, int] | None) -> FolderPairs:
    """Pairs in ``root/<split>/images`` and ``labels``, or right under ``root`` where it has no splits."""
    base = root / (split or "")
    if split in ("train", "all") and not base.is_dir():
        base = root
    if not (base / "images").is_dir():
        there = sorted(path.parent.name for path in root.glob("*/images"))
        raise ValueError(
            f"{base}: no folder 'images' there; expected images and labels"
            + (f", or a split: {', '.join(there)}" if there else "")
        )
    found = FolderPairs(base / "images", base / "labels", num_classes=len(CLASSES), size=size)
    found.name, found.source = f"folder/{split}" if base != root else "folder", str(root.resolve())
    return found


def _refuse(name: str, options: Sequence[str]) -> None:
    if options:
        raise ValueError(f"{name}: {', '.join(options)} does not apply here; leave it out")
