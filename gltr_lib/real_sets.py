"""Real sets of street photographs, and networks scored on them: CamVid by sequence, IDD-Lite, Cityscapes' samples.

Real sets have their own class lists. A network with other classes is scored on them by *summing its probabilities per
group* before taking the largest; the grouping and the sizes are part of the score's name. Frames of one film are
nearly the same picture, so CamVid's scores are kept apart by sequence. Nothing is chosen or tuned here: the networks
come as they are, and every look is counted before it is taken (:func:`note_look`).

Source: CamVid (Brostow et al., 2009) in the 11 classes of SegNet (Badrinarayanan et al., 2017), IDD-Lite (Varma et al.,
2019), Cityscapes (Cordts et al., 2016); the groupings are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gltr_lib import ledger
from gltr_lib._label_sets import LABEL_SETS, groups_of
from gltr_lib._validate import check_choice
from gltr_lib.datasets import Arrays, CamVid, CityscapesSamples, IDDLite
from gltr_lib.evaluate import group_probabilities, layout_prior, map_classes, merge, resize_labels
from gltr_lib.evaluate.passes import evaluation_mode, forward_of, most_probable, pictures_for, resized
from gltr_lib.labels import CAMVID_TO_COMMON5, IDD_LITE_TO_COMMON4, IGNORE, TRAIN_ID_TO_COMMON5
from gltr_lib.metrics import ConfusionMatrix

Frames = dict[str, list[tuple[Arrays, int]]]  # for each sequence its frames, as (dataset, index)


@dataclass(frozen=True)
class RealSet:
    """One real set: where it lies, how it is read, and in which classes it is scored.

    Attributes:
        title: for people and for the log of looks.
        folders: its folder's possible names under a data root; "." is the root itself.
        inside: what that folder must hold.
        size: the size of its pictures, in the words that a score's name uses.
        tables: label set -> the set's own ids to the classes of that label set.
        frames: reads it.
    """

    title: str
    folders: tuple[str, ...]
    inside: tuple[str, ...]
    size: str
    tables: Mapping[str, tuple[int, ...]]
    frames: Callable[[Path], Frames]


def camvid_sequences(root: str | Path, splits: Sequence[str] = ("train", "val")) -> Frames:
    """Frames of a CamVid folder by sequence (0001TP, 0006R0, 0016E5 ...): frames of one film are not independent.

    Args:
        root: folder with ``train/images``, ``train/labels`` and so on; see :class:`gltr_lib.datasets.CamVid`.
        splits: which of them to read.

    Returns:
        For each sequence its frames, as (dataset, index).

    Raises:
        ValueError: no such split, or pictures without label maps.
    """
    out: Frames = {}
    for split in splits:
        dataset = CamVid(root, split)
        for index, sequence in enumerate(dataset.sequences):
            out.setdefault(sequence, []).append((dataset, index))
    return dict(sorted(out.items()))


def _whole(make: Callable[[Path], Arrays]) -> Callable[[Path], Frames]:
    def frames(root: Path) -> Frames:
        dataset = make(root)
        return {"all": [(dataset, index) for index in range(len(dataset))]}

    return frames


REAL_SETS: dict[str, RealSet] = {
    "camvid": RealSet(
        "CamVid train+val", ("camvid", "CamVid", "."), ("train", "val"), "full size 480x360",
        {"camvid11": (*range(11), IGNORE), "common5": CAMVID_TO_COMMON5}, camvid_sequences,
    ),
    "idd_lite": RealSet(
        "IDD-Lite val", ("idd_lite",), ("val/images", "val/labels"),
        "full size 320x227 (vehicles of this set include two-wheelers)",
        {"common4": IDD_LITE_TO_COMMON4}, _whole(IDDLite),
    ),
    "cityscapes": RealSet(
        "Cityscapes official samples", ("cityscapes",), ("images", "labels"),
        "the samples' size 1024x512 (half of Cityscapes' full size)",
        {"cityscapes19": tuple(range(19)), "common5": TRAIN_ID_TO_COMMON5}, _whole(CityscapesSamples),
    ),
}  # fmt: skip


def find_sets(root: str | Path) -> dict[str, Path]:
    """The real sets that lie below a data root.

    Args:
        root: a folder with ``camvid``, ``idd_lite``, ``cityscapes``; or CamVid's own folder.

    Returns:
        Name -> folder, in the order of ``REAL_SETS``; empty if none is there.

    Example:
        >>> find_sets("no/such/folder")
        {}
    """
    out = {}
    for name, real in REAL_SETS.items():
        for folder in (Path(root) / part for part in real.folders):
            if all((folder / part).is_dir() for part in real.inside):
                out[name] = folder
                break
    return out


def sets_below(root: str | Path, wanted: Sequence[str] = ()) -> dict[str, Path]:
    """The real sets below a data root that are wanted; all that are there if none is named.

    Raises:
        ValueError: none is there, or a named one is not.
    """
    found = find_sets(root)
    lacking = [name for name in wanted if name not in found]
    if lacking or not found:
        what = ", ".join(lacking) or " or ".join(REAL_SETS)
        raise ValueError(
            f"{root}: expected {what} below it (camvid: train, val; idd_lite: val/images, val/labels; cityscapes: "
            f"images, labels); found {', '.join(found) or 'none'}; set GLTR_DATA to the folder above them"
        )
    return {name: folder for name, folder in found.items() if not wanted or name in wanted}


def note_look(log: str | Path, name: str, reason: str, networks: Sequence[str]) -> str:
    """Count a look at a real set in a log, before it is taken; the commit of the code that looks."""
    row = look_row(ledger.now(), ledger.git_commit(), reason, name, networks)
    ledger.append(log, row)
    return str(row["commit"])


def look_row(date: str, commit: str, reason: str, name: str, networks: Sequence[str]) -> ledger.Row:
    """A look as a line of a ledger: what is counted is the networks that look; it has no score and takes no time."""
    return {
        "method": "look at photographs", "seed": 0, "commit": commit, "protocol": "a look, counted before any score",
        "metric": "networks", "value": len(networks), "data": name, "config": {}, "device": "none", "wall_seconds": 0,
        "date": date, "reason": reason, "set": name, "networks": [*networks],
    }  # fmt: skip


def label_sets_for(name: str, num_classes: int = 19) -> tuple[str, ...]:
    """The label sets in which a real set scores a network of so many classes.

    Args:
        name: of ``REAL_SETS``.
        num_classes: channels of the network's logits, 19 or 5 (Common-5).

    Returns:
        Names of ``LABEL_SETS``.

    Raises:
        ValueError: unknown set, or a number of classes that it cannot score.

    Example:
        >>> label_sets_for("camvid"), label_sets_for("camvid", 5), label_sets_for("idd_lite", 5)
        (('camvid11', 'common5'), ('common5',), ('common4',))
    """
    tables = REAL_SETS[check_choice(name, REAL_SETS, "set")].tables
    found = tuple(label_set for label_set in tables if num_classes in LABEL_SETS[label_set].groups)
    if not found:
        raise ValueError(f"{name}: no scores for a network of {num_classes} classes; expected 19, or 5 (Common-5)")
    return found


def protocol_of(name: str, label_set: str, width: int = 256, num_classes: int = 19) -> str:
    """The name of a score on a real set: sizes, grouping and how predictions got there."""
    size = REAL_SETS[check_choice(name, REAL_SETS, "set")].size
    note = LABEL_SETS[check_choice(label_set, LABEL_SETS, "label_set")].notes[num_classes]
    return f"mIoU @ {size}, predicted at width {width} and upsampled; {note}"


def score_frames(
    model: nn.Module | None,
    frames: Frames,
    tables: Mapping[str, Sequence[int]],
    *,
    width: int = 256,
    batch: int = 8,
    priors: Mapping[str, Tensor] | None = None,
) -> dict[str, dict[str, ConfusionMatrix]]:
    """Score a network on photographs, sequence by sequence, in several label sets from one forward pass.

    A network trained at 128x256 sees each photograph shrunk to ``width`` 256 (its aspect kept), where a street fills as
    many pixels as in training; logits go back to the label's full size. This size is fixed and was not tuned.

    Args:
        model: images in [0,1] -> logits (B,C,H,W), C = 19 or 5; None scores ``priors`` instead.
        frames: for each sequence its frames; all frames of a sequence have one size.
        tables: label set -> the frames' own ids to its classes.
        width: width of the picture that the network sees.
        batch: pictures in one forward pass.
        priors: for ``model=None``, label set -> the source's layout prior in its classes; see ``source_prior``.

    Returns:
        For each label set and sequence a confusion matrix, and their sum under "all".

    Raises:
        ValueError: neither model nor priors, or a network whose classes a label set cannot group.
    """
    if model is None and (priors is None or set(tables) - set(priors)):
        raise ValueError("score_frames: give a model, or priors= the source's layout prior for each label set")
    out: dict[str, dict[str, ConfusionMatrix]] = {label_set: {} for label_set in tables}
    for sequence, pairs in frames.items():
        matrices = {name: ConfusionMatrix(len(LABEL_SETS[name].classes), IGNORE) for name in tables}
        for start in range(0, len(pairs), batch):
            part = [dataset.pair(index) for dataset, index in pairs[start : start + batch]]
            ids = torch.stack([torch.from_numpy(np.ascontiguousarray(label)) for _, label in part])
            size = (int(ids.shape[-2]), int(ids.shape[-1]))
            shares = None
            if model is not None:
                shares = _probabilities(model, torch.stack([fit_width(image, width) for image, _ in part]), size)
            for name, matrix in matrices.items():
                target = map_classes(ids, tables[name])
                if shares is not None:
                    guess = _grouped(shares, name)
                elif priors is not None:
                    guess = resize_labels(priors[name][None], size).expand_as(target)
                matrix.update(guess, target)
        for name, matrix in matrices.items():
            out[name][sequence] = matrix
    for matrices in out.values():
        matrices["all"] = merge(matrices.values())
    return out


def source_prior(labels: Tensor, label_set: str = "camvid11", num_classes: int = 19) -> Tensor:
    """The layout prior of source labels in a real set's classes: grouped first, then the most frequent at each pixel.

    Args:
        labels: integer (N,H,W): trainIds of the source, or its Common-5 classes.
        label_set: a name of ``LABEL_SETS``.
        num_classes: 19 or 5, the source's classes.

    Returns:
        int64 (H,W).

    Example:
        >>> source_prior(torch.tensor([[[2, 3, 10]]])).tolist()
        [[1, 1, 0]]
    """
    chosen = LABEL_SETS[check_choice(label_set, LABEL_SETS, "label_set")]
    return layout_prior(map_classes(labels, groups_of(label_set, num_classes)), len(chosen.classes))


def fit_width(picture: np.ndarray, width: int) -> Tensor:
    """A photograph uint8 (H,W,3) as uint8 tensor (3,h,width), its aspect kept (bicubic, antialiased).

    Example:
        >>> fit_width(np.zeros((360, 480, 3), np.uint8), 256).shape
        torch.Size([3, 192, 256])
    """
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)


def _probabilities(model: nn.Module, pictures: Tensor, size: tuple[int, int]) -> Tensor:
    with torch.inference_mode(), evaluation_mode(model):
        return resized(forward_of(model, None)(pictures_for(model, pictures)), size).softmax(1)


def _grouped(shares: Tensor, label_set: str) -> Tensor:
    groups = groups_of(label_set, shares.shape[1])
    same = list(groups) == list(range(shares.shape[1]))
    return most_probable(shares if same else group_probabilities(shares, groups)).cpu()
