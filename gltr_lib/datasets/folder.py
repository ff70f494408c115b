"""Any two folders of pictures and label maps, paired by file name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gltr_lib._read import no_folder, read_image, read_label
from gltr_lib._typed import typed
from gltr_lib.datasets.base import Arrays, resize_pair

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")
#: Why :func:`find_others` lists something.
OTHER_ENDING = "no picture's name ends so"
HIDDEN = "hidden: its name begins with a dot"
IS_FOLDER = "a folder; what is in it is read"
_LABEL_ENDINGS = (
    "_gtFine_labelTrainIds", "_gtFine_labelIds", "_labelTrainIds", "_labelIds", "_train_id", "_label", "_labels",
    "_mask", "_L",
)  # fmt: skip
_IMAGE_ENDINGS = ("_leftImg8bit", "_image", "_rgb")
PathLike = str | os.PathLike[str]


class FolderPairs(Arrays):
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

    name = "folder"
    #: Of what the pairs are a split: validation and training have to agree in it. None asks ``name``.
    source: str | None = None

    @typed
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
        self._keys = sorted(found)
        self.images = [found[key] for key in self._keys]
        self.labels = [maps[key] for key in self._keys]
        self.lut, self.num_classes, self.size = lut, num_classes, size

    def __len__(self) -> int:
        return len(self.images)

    @property
    def keys(self) -> list[str]:
        """The name of each pair: its path under the folder, without ending."""
        return list(self._keys)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image = read_image(self.images[index])
        label = read_label(self.labels[index], self.lut, num_classes=self.num_classes)
        if image.shape[:2] != label.shape:
            raise ValueError(
                f"{self.images[index]} is {image.shape[1]}x{image.shape[0]} but its label map {self.labels[index]} is "
                f"{label.shape[1]}x{label.shape[0]}; a pair must have one size"
            )
        return resize_pair(image, label, self.size)


def find_pictures(folder: PathLike, what: str = "pictures") -> list[Path]:
    """Every file below a folder that is called like a picture, sorted; :func:`find_others` names the rest.

    Hidden files stay out: macOS puts a ``._street.jpg`` that is no picture beside each picture of an archive.
    Links to folders elsewhere are entered, each folder once, so that no loop is endless. Links to nothing, pipes and
    the like are listed as well: whoever reads them refuses them by name.

    Raises:
        ValueError: no such folder, or no picture in it; ``what`` it should hold is said.
        OSError: a folder below may not be read; it is named.
    """
    base = Path(folder)
    if not base.is_dir():
        raise ValueError(f"{base}: {no_folder(base)}; expected a folder of {what} ({', '.join(IMAGE_SUFFIXES)})")
    files = (path for path in _walk(base)[0] if path.suffix.lower() in IMAGE_SUFFIXES)
    found = sorted(path for path in files if not path.name.startswith("."))
    if not found:
        raise ValueError(f"{base}: the folder holds no {what}; expected files ending in {', '.join(IMAGE_SUFFIXES)}")
    return found


def find_others(folder: PathLike) -> dict[Path, str]:
    """What :func:`find_pictures` leaves out below a folder, sorted, and why.

    Of what is hidden and of folders only those called like pictures: somebody may take them for some.

    Returns:
        One of ``OTHER_ENDING``, ``HIDDEN`` and ``IS_FOLDER`` by path.
    """
    files, folders = _walk(Path(folder))
    others = {path: IS_FOLDER for path in folders if path.suffix.lower() in IMAGE_SUFFIXES}
    for path in files:
        called, hidden = path.suffix.lower() in IMAGE_SUFFIXES, path.name.startswith(".")
        if called == hidden:
            others[path] = HIDDEN if hidden else OTHER_ENDING
    return dict(sorted(others.items()))


def _walk(base: Path) -> tuple[list[Path], list[Path]]:
    """All files and folders below a folder; links to folders are entered, each folder once."""
    home = Path(os.path.realpath(base))
    found: list[Path] = []
    folders: list[Path] = []
    seen: set[str] = set()
    todo = [os.fspath(base)]
    while todo:
        links: list[str] = []
        for here, inner, files in os.walk(todo.pop(0), onerror=_raise):
            real = os.path.realpath(here)
            if real in seen:
                inner.clear()
                continue
            seen.add(real)
            folders += [Path(here, name) for name in inner]
            links += [os.path.join(here, name) for name in sorted(inner) if os.path.islink(os.path.join(here, name))]
            found += [Path(here, name) for name in files]
        # After the folders themselves, so that pictures go by their own names; the way up would lead in a circle.
        todo += [link for link in links if not home.is_relative_to(os.path.realpath(link))]
    return found, folders


def _raise(error: OSError) -> None:
    raise error


def _by_key(folder: PathLike, endings: Sequence[str], what: str) -> dict[str, Path]:
    """The image files under a folder by the name that pairs them."""
    keys: dict[str, Path] = {}
    for path in find_pictures(folder, what):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        for ending in endings:
            if stem.endswith(ending):
                stem = stem[: -len(ending)]
                break
        if stem in keys:
            raise ValueError(f"{path} and {keys[stem]} would both be the {what} named {stem!r}; keep one of them")
        keys[stem] = path
    return keys
