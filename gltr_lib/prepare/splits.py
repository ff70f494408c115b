"""Split lists as files: the published ones written out; ``gltr_lib.datasets`` reads them, and others'.

``gltr_lib.datasets`` knows the published lists of GTA5 and SYNTHIA. Names here: ``gta5`` (the official 12,403 / 6,382 /
6,181), ``gta5-robustnet`` (its train list lacks 15 named pictures), ``gta5-gtr`` (two 640x640 crops of each train
picture, see ``crops.py``), ``synthia`` (9,000 / 400, as in the official code of GTR), ``synthia-robustnet``
(6,580 / 2,820).

Sources: MaxSquareLoss and RobustNet (pictures), leolyj/GTR-LTR (names of the crops).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from gltr_lib import _drafts
from gltr_lib._typed import typed
from gltr_lib._validate import check_choice
from gltr_lib.datasets import splits as known

PathLike = str | os.PathLike[str]
PUBLISHED = ("gta5", "gta5-robustnet", "gta5-gtr", "synthia", "synthia-robustnet")


@typed
def published(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return a published list: split -> keys (file names without ending).

    Args:
        name: one of ``PUBLISHED``.

    Returns:
        Keys of each split, in the order of their numbers.

    Raises:
        ValueError: unknown name.

    Example:
        >>> {split: len(keys) for split, keys in published("gta5").items()}
        {'train': 12403, 'val': 6382, 'test': 6181}
        >>> published("gta5-gtr")["train"][:3]
        ('00001_00', '00001_01', '00002_00')
    """
    check_choice(name, PUBLISHED, "list")
    dataset, _, kind = name.partition("-")
    which = ("train", "val", "test") if dataset == "gta5" else ("train", "val")
    keys = {
        split: known.split_keys(dataset, split, "robustnet" if kind == "robustnet" else "official") for split in which
    }
    if kind == "gtr":
        keys["train"] = tuple(crop_key(key, crop) for key in keys["train"] for crop in range(2))
    return keys


def crop_key(key: str, crop: int) -> str:
    """The name of a crop, as in GTR's lists: ``00001_00`` and ``00001_01``."""
    return f"{key}_{crop:02d}"


@typed
def write_lists(folder: PathLike, lists: Mapping[str, Iterable[str]]) -> list[Path]:
    """Write ``<split>.txt`` files, one key a line, each under a temporary name first.

    Args:
        folder: made if missing.
        lists: split -> keys.

    Returns:
        The files.

    Raises:
        ValueError: a key in two splits (both are named).
    """
    owner: dict[str, str] = {}
    whole = {split: list(keys) for split, keys in lists.items()}
    for split, keys in whole.items():
        for key in keys:
            if key in owner:
                raise ValueError(f"{key} is in {owner[key]} and in {split}; splits must not share pictures")
            owner[key] = split
    Path(folder).mkdir(parents=True, exist_ok=True)
    files = []
    for split, keys in whole.items():
        target = Path(folder) / f"{split}.txt"
        _drafts.write_text(target, "".join(f"{key}\n" for key in keys))
        files.append(target)
    return files
