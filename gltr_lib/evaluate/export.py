"""Predictions as the Cityscapes server wants them: one PNG of labelIds a picture, at full size, named by the picture.

The official script finds the prediction of ``city_000000_000019_gtFine_labelIds.png`` as ``city_000000_000019*.png``
anywhere under the results folder, so names must be unique, sizes those of the picture, and values *labelIds* (road is
7), not trainIds. The test split has no labels; :class:`CityscapesImages` lists its pictures alone.

Source: cityscapesScripts, ``evalPixelLevelSemanticLabeling`` and its instructions for submissions.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gltr_lib._drafts import atomic_file
from gltr_lib._read import read_image
from gltr_lib._validate import describe
from gltr_lib.datasets.pairs import name_of, picture_bytes
from gltr_lib.evaluate.inference import WHOLE, Inference, predict_classes
from gltr_lib.evaluate.protocols import Protocol, prepare
from gltr_lib.evaluate.reading import progress_bar
from gltr_lib.labels import IGNORE, LABEL_IDS, lookup_table

#: trainId -> labelId; an ignored pixel becomes 0, "unlabeled".
TO_LABEL_ID = lookup_table({**dict(enumerate(LABEL_IDS)), IGNORE: 0}, default=0)
_NAME = re.compile(r"^([A-Za-z-]+_\d{6}_\d{6})")
ENDING = "_pred_labelIds.png"


class CityscapesImages:
    """The pictures of a Cityscapes split, labels or not: ``leftImg8bit/SPLIT/CITY/*_leftImg8bit.png``.

    Args:
        root: folder that holds ``leftImg8bit``.
        split: train, val, test (or train_extra, demoVideo ...).

    Raises:
        ValueError: no such folder, or no pictures in it.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "test") -> None:
        folder = Path(root) / "leftImg8bit" / split
        self.files = sorted(folder.glob("*/*_leftImg8bit.png"))
        if not self.files:
            raise ValueError(f"{folder}: no pictures; expected {folder}/CITY/CITY_000000_000019_leftImg8bit.png")
        self.name = f"cityscapes/{split}"
        self.keys = [path.name.removesuffix("_leftImg8bit.png") for path in self.files]

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> np.ndarray:
        """The picture at a position, uint8 (H,W,3)."""
        return read_image(self.files[index])


def submission_name(key: str) -> str:
    """The file name of a picture's prediction.

    Args:
        key: a picture's name in any folder, with or without ``_leftImg8bit``.

    Raises:
        ValueError: no Cityscapes name.

    Example:
        >>> submission_name("frankfurt/frankfurt_000000_000294_leftImg8bit.png")
        'frankfurt_000000_000294_pred_labelIds.png'
    """
    found = _NAME.match(Path(key).name)
    if found is None:
        raise ValueError(f"{key}: no Cityscapes name; expected CITY_123456_123456, as in frankfurt_000000_000294")
    return found.group(1) + ENDING


def submission_names(keys: Sequence[str], folder: str | os.PathLike[str]) -> list[str]:
    """The file names of all predictions; other PNGs in ``folder`` are refused, for the server would find them too.

    Raises:
        ValueError: no Cityscapes name, two pictures of one name, strange files in the folder.
    """
    names = [submission_name(str(key)) for key in keys]
    if len(set(names)) != len(names):
        raise ValueError("two pictures of the dataset have one Cityscapes name; export one split at a time")
    strange = sorted({path.name for path in Path(folder).glob("*.png")} - set(names)) if Path(folder).is_dir() else []
    if strange:
        raise ValueError(f"{folder}: holds {strange[0]} (and {len(strange) - 1} more), not of this export; empty it")
    return names


def write_label_ids(prediction: Tensor | np.ndarray, path: str | os.PathLike[str], size: tuple[int, int]) -> Path:
    """Write one prediction as a PNG of labelIds (to a temporary name first, then renamed).

    Args:
        prediction: integer (h,w) of trainIds; 255 becomes "unlabeled".
        path: file to write.
        size: (height, width) of the picture; the prediction is brought to it by nearest neighbour.

    Raises:
        ValueError, TypeError: no map of trainIds.
    """
    array = prediction.detach().cpu().numpy() if isinstance(prediction, Tensor) else np.asarray(prediction)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise TypeError(f"prediction: expected integer trainIds (H,W), received {describe(prediction)}")
    bad = (array != IGNORE) & ((array < 0) | (array >= len(LABEL_IDS)))
    if bad.any():
        raise ValueError(f"prediction: expected trainIds 0..18 or 255, found {np.unique(array[bad])[:10].tolist()}")
    ids = Image.fromarray(TO_LABEL_ID[array.astype(np.uint8)])
    if (ids.height, ids.width) != tuple(size):
        ids = ids.resize((size[1], size[0]), Image.Resampling.NEAREST)
    path = Path(path)
    with atomic_file(path) as draft:
        ids.save(draft, format="PNG")
    return path


def export_cityscapes(
    model_or_predictions: nn.Module | Mapping[str, Tensor | np.ndarray],
    dataset: Any,
    out: str | os.PathLike[str],
    *,
    inference: Inference = WHOLE,
    fit: tuple[int, int] | None = None,
    archive: str | os.PathLike[str] | None = None,
    amp: torch.dtype | None = None,
    progress: bool = False,
) -> list[Path]:
    """Write predictions for the official server: ``OUT/CITY_SEQ_FRAME_pred_labelIds.png``, labelIds at full size.

    Args:
        model_or_predictions: a 19-class network, or trainIds by key (any size; brought to the picture's).
        dataset: has ``keys`` and ``image(i)``, ``pair(i)`` or items; for the test split :class:`CityscapesImages`.
        out: folder for the PNGs. Files there of other pictures are an error: the server would find them too.
        inference: whole or sliding, augmented or not.
        fit: (long, short) sides into which pictures are fitted before the network sees them; None = full size.
        archive: also pack the PNGs into this zip file.
        amp: as in ``predict_whole``.
        progress: show a bar with the time left.

    Returns:
        The paths written, in the dataset's order.

    Raises:
        ValueError: a name that is no Cityscapes name, a missing prediction, strange files in ``out``, a
            picture that was normalised.
    """
    folder = Path(out)
    names = submission_names(dataset.keys, folder)
    if not isinstance(model_or_predictions, nn.Module):
        missing = [str(key) for key in dataset.keys if key not in model_or_predictions]
        if missing:
            raise ValueError(f"export_cityscapes: no prediction for {missing[0]} (and {len(missing) - 1} more)")
    plan = Protocol("export", fit=fit)
    written = []
    bar = progress_bar(len(names), progress)
    for index, (key, name) in enumerate(zip(dataset.keys, names, strict=True)):
        image = _image(dataset, index)
        size = (image.shape[0], image.shape[1])
        if isinstance(model_or_predictions, nn.Module):
            picture, _ = prepare(plan, image, np.zeros(size, np.uint8))
            batch = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
            prediction: Any = predict_classes(model_or_predictions, batch, inference, size=size, amp=amp)[0]
        else:
            prediction = model_or_predictions[key]
        written.append(write_label_ids(prediction, folder / name, size))
        bar(1)
    bar(None)
    if archive is not None:
        pack(written, archive)
    return written


def pack(files: list[Path], archive: str | os.PathLike[str]) -> Path:
    """Put files into a flat zip (PNGs are stored as they are: they do not shrink further)."""
    target = Path(archive)
    with atomic_file(target) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as opened:
        for file in files:
            opened.write(file, file.name)
    return target


def _image(dataset: Any, index: int) -> np.ndarray:
    if hasattr(dataset, "image"):
        return np.asarray(dataset.image(index))
    if hasattr(dataset, "pair"):
        return np.asarray(dataset.pair(index)[0])
    try:
        return picture_bytes(dataset[index][0]).permute(1, 2, 0).contiguous().numpy()
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name_of(dataset, index)}: {error}") from None
