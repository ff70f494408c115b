"""The tier *real*: networks for real photographs, from a second source and over a pretrained trunk.

The networks of the other tiers learn from drawn streets alone, from scratch. Two questions remain before photographs
are called evidence. Does the method do the same for another game? So some networks train on third-party frames of
AirSim, in the five classes that all these sets share. And does it still help a network that has seen photographs
before? So some stand on SqueezeNet with ImageNet weights, for either source. Neither frames nor weights come with the
course; where ``GLTR_DATA`` does not name them, the rows are listed as not run.

What is scored here is the source alone: the end of AirSim's drive, CARLA's four frames as an extra (too few for a
claim), the streets' looks. Photographs are scored by ``gltr study --tier real --real PATH --reason ...``
(:mod:`.photos`), which counts each look. The settings of the pretrained networks were chosen on the sources' own
validation.

Source: our own plan; the sets are described in :mod:`gltr_lib.datasets.samples`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gltr_lib import weights
from gltr_lib._label_sets import LABEL_SETS
from gltr_lib.config import METHODS, RIVALS
from gltr_lib.datasets import airsim, carla
from gltr_lib.datasets.looks import Streets
from gltr_lib.datasets.samples import Rendered
from gltr_lib.labels import COMMON5
from gltr_lib.real_sets import REAL_SETS
from gltr_lib.study.tiers import Row

#: The walk, and what a user would pick instead; all rivals on the drawn streets are scored from their own tier.
METHODS_HERE = ("baseline", "photometric", "gtr", "gtr_ltr_cgl")
#: Training set and trunk of each group of rows; drawn streets without a trunk are the headline's own networks.
VARIANTS = (("airsim", "mini"), ("airsim", "squeezenet"), ("streets", "squeezenet"))
SOURCES = ("airsim",)  # training sets that are files
FRAMES = {"airsim:train": 259, "airsim:val": 63, "carla:all": 4}
WEIGHTS = "weights/squeezenet_v10_imagenet_torchvision_names.pth"
WEIGHTS_SHA256 = "056f90a6635f6b7d5c21a5007558d9067c3a8f60fe9bc3455f56b8a98b9204bf"
#: What a network over the pretrained trunk has otherwise: DeepLab's ratio of the head's rate to the trunk's. The rate
#: is the best of four pairs that a baseline had 60 steps with, on AirSim's own validation and a seed not compared.
PRETRAINED: tuple[tuple[str, Any], ...] = (
    ("model", "deeplab_squeezenet"), ("init", f"$GLTR_DATA/{WEIGHTS}"), ("lr", 1e-3), ("head_lr_factor", 10.0),
)  # fmt: skip


def groups() -> tuple[tuple[Row, ...], ...]:
    """The tier's rows, one group a training set and trunk.

    Example:
        >>> [group[2].name for group in groups()]
        ['gtr [airsim mini]', 'gtr [airsim squeezenet]', 'gtr [streets squeezenet]']
    """
    return tuple(tuple(_row(method, *variant) for method in METHODS_HERE) for variant in VARIANTS)


def baselines(sources: Collection[str]) -> tuple[str, ...]:
    """One baseline a training set: the rows whose sources' labels make a layout prior.

    Args:
        sources: names of training sets of runs that are not lacking anything.

    Returns:
        Names of rows.

    Example:
        >>> baselines({"airsim/train"})
        ('baseline [airsim mini]',)
    """
    rows = {"airsim/train": ("airsim", "mini"), "streets/game": ("streets", "squeezenet")}
    return tuple(row_name("baseline", *row) for source, row in rows.items() if source in sources)


def row_name(method: str, source: str, trunk: str) -> str:
    """What the ledger calls a method here.

    Example:
        >>> row_name("gtr", "airsim", "mini")
        'gtr [airsim mini]'
    """
    return f"{method} [{source} {trunk}]"


def _row(method: str, source: str, trunk: str) -> Row:
    base = (("num_classes", len(COMMON5)),) if source == "airsim" else ()
    return Row(
        row_name(method, source, trunk),
        METHODS.get(method) or RIVALS[method],
        base=(*base, *(PRETRAINED if trunk == "squeezenet" else ())),
        longer=1 if source == "airsim" else 2,  # six hundred streets in many places; AirSim is one drive
        train=source if source in SOURCES else "game",
        needs=lacking(source, trunk),
    )


def lacking(source: str, trunk: str) -> str:
    """What a row needs that is not here; "" if all is.

    Args:
        source: "airsim" or "streets".
        trunk: "squeezenet" or "mini".

    Returns:
        A few words for the list of what is not run.
    """
    root = data_root()
    needs = []
    if source == "airsim" and not (root and (root / "airsim" / "train" / "images").is_dir()):
        needs.append("airsim/train in GLTR_DATA")
    if trunk == "squeezenet":
        needs.append(lacking_file(WEIGHTS, WEIGHTS_SHA256))
    return " and ".join(filter(None, needs))


def lacking_file(path: str, sha256: str) -> str:
    """What is wrong with a file below ``GLTR_DATA``; "" if it is there and the right one.

    Args:
        path: below the folder.
        sha256: what it must have.

    Returns:
        A few words for the list of what is not run.
    """
    root = data_root()
    file = root / path if root else None
    if file is None or not file.is_file():
        return f"{path} in GLTR_DATA"
    if _sha256(file, file.stat().st_mtime_ns) != sha256:
        return f"{path} with SHA-256 {sha256[:12]}... (another file lies there)"
    return ""


def train_frames(scenes: int = 0) -> Streets:
    """What AirSim's networks train on.

    Args:
        scenes: only so many frames; 0 = all.

    Returns:
        Frames under the ledger's name.

    Example:
        >>> train_frames(2)
        Streets(name='airsim/train', parts=(('airsim:train', (0, 1)),))
    """
    return _frames("airsim/train", "airsim:train", scenes)


def scored_frames(scenes: int = 0) -> tuple[Streets, ...]:
    """What AirSim's networks are scored on besides photographs: the end of the drive, and CARLA's frames."""
    return _frames("airsim/val", "airsim:val", scenes), _frames("carla/4 frames", "carla:all", scenes)


def are_files(look: str) -> bool:
    """Whether a look is files of somebody else's instead of rendered streets.

    Example:
        >>> are_files("airsim:val"), are_files("sampled:100")
        (True, False)
    """
    return look in FRAMES


def protocol(width: int) -> str:
    """The name of a score on rendered frames, which are brought to a width.

    Example:
        >>> protocol(256)
        "mIoU-5 @ width 256, aspect kept; Common-5 (the network's own five classes, other labels ignored)"
    """
    note = LABEL_SETS["common5"].notes[len(COMMON5)]
    return f"mIoU-5 @ width {width}, aspect kept; {note}"


def photographs(data: str) -> bool:
    """Whether a row's ``data`` names photographs, which are scored apart from a tier's own sets.

    Example:
        >>> photographs("camvid/all"), photographs("airsim/val")
        (True, False)
    """
    return data.partition("/")[0] in REAL_SETS


def load(look: str, numbers: Sequence[int], width: int) -> np.ndarray:
    """Frames with their labels in Common-5 classes, read anew each time: nothing of them is kept.

    Args:
        look: a name in ``FRAMES``.
        numbers: places among the set's frames.
        width: to which frames are brought, aspect kept.

    Returns:
        uint8 (N,H,W,4): red, green, blue, class.

    Raises:
        ValueError: GLTR_DATA is not set, or does not hold the set, or fewer frames than asked for.
    """
    root = data_root()
    if root is None:
        raise ValueError(f"{look}: set GLTR_DATA to the folder that holds airsim and carla")
    name, split = look.split(":")
    dataset: Rendered = airsim(root / name, split, width=width) if name == "airsim" else carla(root / name, width=width)
    if len(dataset) <= max(numbers):
        raise ValueError(f"{root / name}: expected {FRAMES[look]} frames of {look}, found {len(dataset)}")
    pairs = [dataset.pair(number) for number in numbers]
    return np.stack([np.concatenate([image, label[..., None]], axis=-1) for image, label in pairs])


def _frames(name: str, look: str, scenes: int) -> Streets:
    return Streets(name, ((look, tuple(range(FRAMES[look]))[: scenes or None]),))


def data_root() -> Path | None:
    """The folder that ``GLTR_DATA`` names, if it does."""
    given = os.environ.get("GLTR_DATA", "").strip()
    return Path(given) if given else None


@lru_cache(maxsize=8)
def _sha256(file: Path, _changed: int) -> str:
    return weights.sha256(file)
