"""Scores on real photographs: CamVid by sequence, in the classes that 19-class predictions can answer for.

Real sets have their own class lists. A 19-class network is scored on them by *summing its probabilities per group*
before taking the largest; the grouping and the sizes are part of the score's name. Frames of one film are nearly the
same picture, so scores are kept apart by sequence. Nothing is chosen or tuned here: the networks come as they are.

Source: CamVid (Brostow et al., 2009) in the 11 classes of SegNet (Badrinarayanan et al., 2017); the groupings are ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gltr_lib._validate import check_choice
from gltr_lib.datasets import CamVid
from gltr_lib.evaluate import layout_prior, map_classes, merge, predict, resize_labels
from gltr_lib.labels import CAMVID11, CAMVID_TO_COMMON5, COMMON5, IGNORE, TRAIN_ID_TO_CAMVID11, TRAIN_ID_TO_COMMON5
from gltr_lib.metrics import ConfusionMatrix

# What a score on another label set must say about itself.
CAMVID11_NOTE = (
    "CamVid-11 from 19 (sky←10 building←2,3 pole←5 road←0 pavement←1 tree←8,9 sign symbol←6,7 fence←4 car←13,14,15,16 "
    "pedestrian←11 bicyclist←12,17,18; probabilities summed per group)"
)
COMMON5_NOTE = (
    "Common-5 from 19 (flat←0,1 building←2 vegetation←8,9 sky←10 vehicle←13,14,15; probabilities summed per group, "
    "argmax among the five, other labels ignored)"
)


@dataclass(frozen=True)
class LabelSet:
    """A real set's classes: how 19 classes are grouped, and how its own ids are."""

    classes: tuple[str, ...]
    from_19: tuple[int, ...]
    from_camvid: tuple[int, ...]
    note: str


LABEL_SETS: dict[str, LabelSet] = {
    "camvid11": LabelSet(CAMVID11, TRAIN_ID_TO_CAMVID11, (*range(11), IGNORE), CAMVID11_NOTE),
    "common5": LabelSet(COMMON5, TRAIN_ID_TO_COMMON5, CAMVID_TO_COMMON5, COMMON5_NOTE),
}


def camvid_root(root: str | os.PathLike[str] | None = None) -> Path | None:
    """The CamVid folder of a data root (or the root itself), if it is there.

    Args:
        root: data root; None asks the environment variable GLTR_DATA.

    Returns:
        The folder that holds ``train`` and ``val``, or None.

    Example:
        >>> camvid_root("no/such/folder") is None
        True
    """
    given = root or os.environ.get("GLTR_DATA", "").strip()
    for folder in (Path(given) / "camvid", Path(given) / "CamVid", Path(given)) if given else ():
        if (folder / "train").is_dir() and (folder / "val").is_dir():
            return folder
    return None


def camvid_protocol(label_set: str = "camvid11", width: int = 256) -> str:
    """The name of a CamVid score: sizes, grouping and how predictions got there."""
    note = LABEL_SETS[check_choice(label_set, LABEL_SETS, "label_set")].note
    return f"mIoU @ full size 480x360, predicted at width {width} and upsampled; {note}"


def camvid_sequences(root: str | Path, splits: Sequence[str] = ("train", "val")) -> dict[str, list[tuple[CamVid, int]]]:
    """Frames of a CamVid folder by sequence (0001TP, 0006R0, 0016E5 ...): frames of one film are not independent.

    Args:
        root: folder with ``train/images``, ``train/labels`` and so on; see :class:`gltr_lib.datasets.CamVid`.
        splits: which of them to read.

    Returns:
        For each sequence its frames, as (dataset, index).

    Raises:
        ValueError: no such split, or pictures without label maps.
    """
    out: dict[str, list[tuple[CamVid, int]]] = {}
    for split in splits:
        dataset = CamVid(root, split)
        for index, sequence in enumerate(dataset.sequences):
            out.setdefault(sequence, []).append((dataset, index))
    return dict(sorted(out.items()))


def score_camvid(
    model: nn.Module | None,
    root: str | Path,
    splits: Sequence[str] = ("train", "val"),
    *,
    width: int = 256,
    label_set: str = "camvid11",
    batch: int = 8,
    prior: Tensor | None = None,
    device: torch.device | str | None = None,
    on_batch: Callable[[int, int], Any] | None = None,
) -> dict[str, ConfusionMatrix]:
    """Score a 19-class network on CamVid's real photographs, sequence by sequence.

    A network trained at 128x256 sees each photograph shrunk to ``width`` 256 (its aspect kept), where a street fills as
    many pixels as in training; logits go back to the label's full size. This size is fixed here and was not tuned.

    Args:
        model: images in [0,1] -> logits (B,19,H,W); None scores ``prior`` instead.
        root: folder with ``train`` and ``val``.
        splits: which to read.
        width: width of the picture that the network sees.
        label_set: "camvid11" or "common5"; the grouping is in ``LABEL_SETS[...].note``.
        batch: pictures in one forward pass.
        prior: for ``model=None``, the source's layout prior in the classes of ``label_set``; see ``source_prior``.
        device: None = where the model is.
        on_batch: called with (done, total) after each batch.

    Returns:
        A confusion matrix for each sequence, and their sum under "all".

    Raises:
        ValueError: the folder is not as described.
    """
    chosen = LABEL_SETS[check_choice(label_set, LABEL_SETS, "label_set")]
    sequences = camvid_sequences(root, splits)
    total, done = sum(map(len, sequences.values())), 0
    out = {}
    for name, pairs in sequences.items():
        matrix = ConfusionMatrix(len(chosen.classes), IGNORE)
        for start in range(0, len(pairs), batch):
            part = pairs[start : start + batch]
            frames = [dataset.pair(index) for dataset, index in part]
            target = map_classes(torch.stack([torch.from_numpy(label) for _, label in frames]), chosen.from_camvid)
            size = (int(target.shape[-2]), int(target.shape[-1]))
            if model is not None:
                pictures = torch.stack([fit_width(image, width) for image, _ in frames])
                guess = predict(model, pictures, batch, size=size, groups=chosen.from_19, device=device)
            elif prior is not None:
                guess = resize_labels(prior[None], size).expand_as(target)
            else:
                raise ValueError("score_camvid: give a model, or prior= the source's layout prior")
            matrix.update(guess, target)
            done += len(part)
            if on_batch is not None:
                on_batch(done, total)
        out[name] = matrix
    out["all"] = merge(out.values())
    return out


def source_prior(labels: Tensor, label_set: str = "camvid11") -> Tensor:
    """The layout prior of source labels in a real set's classes: grouped first, then the most frequent at each pixel.

    Args:
        labels: integer (N,H,W) trainIds of the source.
        label_set: "camvid11" or "common5".

    Returns:
        int64 (H,W).

    Example:
        >>> source_prior(torch.tensor([[[2, 3, 10]]])).tolist()
        [[1, 1, 0]]
    """
    chosen = LABEL_SETS[check_choice(label_set, LABEL_SETS, "label_set")]
    return layout_prior(map_classes(labels, chosen.from_19), len(chosen.classes))


def fit_width(picture: np.ndarray, width: int) -> Tensor:
    """A photograph uint8 (H,W,3) as uint8 tensor (3,h,width), its aspect kept (bicubic, antialiased).

    Example:
        >>> fit_width(np.zeros((360, 480, 3), np.uint8), 256).shape
        torch.Size([3, 192, 256])
    """
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)
