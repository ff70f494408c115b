"""What to do about a folder in which a dataset was not found, and about a label map with ids that it should not have.

The usual reasons are few: the folder above or below was given; two archives were unpacked into a folder each; one of
them was not unpacked; files were renamed or saved in another format. Each has its own remedy, and this says which.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gltr_lib.datasets.form import Form

_MOST = 300  # folders that are looked into: this is a hint, no search


def advice(root: Path, forms: Sequence[Form], lies: Callable[[Path], bool], *, labels: bool = True) -> str:
    """What to do next, in a few words.

    Args:
        root: the folder that was given.
        forms: the arrangements that were looked for there.
        lies: whether the dataset lies in a folder.
        labels: whether label maps were looked for, too.

    Returns:
        A remedy such as "it lies in data/gta5/gta5: give that folder"; empty if nothing better is known than to unpack.
    """
    below = list(islice(_folders(root), _MOST))
    for place in [*root.resolve().parents[:2], *below]:
        if lies(place):
            return f"it lies in {place}: give that folder"
    for form in forms:
        halves = [_head(form.images), *([_head(form.label_folder)] if labels else [])]
        apart = [next((p / half for p in below if half and (p / half).is_dir()), None) for half in halves]
        if len(set(halves)) > 1 and all(apart):
            return f"move {' and '.join(str(half) for half in apart)} together into {root}"
    for form in forms:
        there = [_is_there(root, folder) for folder in (form.images, form.label_folder)]
        if all(there) or (there[0] and not labels):
            if found := _another_name(root, form):
                return f"its pictures should be called like {_wanted(form)}, found {found}"
        elif any(there) and labels:
            return f"{form.label_folder if there[0] else form.images} is missing: unpack its archive"
    return ""


def whose(name: str, found: set[int], known: Collection[int] = ()) -> str:
    """What to do about a label map with ids that must not occur: what it seems to be, if anybody knows.

    Args:
        name: the dataset's short name.
        found: all ids in the label map.
        known: the ids that may occur, where that is known.

    Example:
        >>> whose("cityscapes", {0, 18, 255})
        'these seem to be trainIds: name the file ..._gtFine_labelTrainIds.png, or unpack the original again'
    """
    if name == "vistas" and max(found) < 124:
        return "these seem to be labels of v2.0: unpack the v1.2 ones again, or give version v2.0"
    if found <= {*range(19), 255}:
        other = "name the file ..._gtFine_labelTrainIds.png, or " if name == "cityscapes" else ""
        return f"these seem to be trainIds: {other}unpack the original again"
    if set(known) == {*range(19), 255} and found <= {*range(35), 255}:
        other = "name the file ..._gtFine_labelIds.png" if name == "cityscapes" else "unpack the trainIds again"
        return f"these seem to be Cityscapes' labelIds, not trainIds: {other}"
    return "unpack the file again"


def _folders(root: Path) -> list[Path]:
    """The folders below, and those below them, hidden ones aside."""
    first = _inside(root)
    return first + [folder for place in first[:_MOST] for folder in _inside(place)]


def _inside(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _head(pattern: str) -> str:
    """The first folder of a pattern; empty if each split has its own."""
    head = pattern.split("/")[0]
    return "" if "{" in head else head


def _is_there(root: Path, pattern: str) -> bool:
    """Whether the folder of a pattern is there, whatever the split."""
    return next(root.glob(re.sub(r"\{\w+\}", "*", pattern)), None) is not None


def _another_name(root: Path, form: Form) -> str:
    """A file in the folder of pictures that is not called as it should be."""
    folder = next(root.glob(re.sub(r"\{\w+\}", "*", form.images)))
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else iter(())
    return next((name for name in names if not name.startswith(".")), "")


def _wanted(form: Form) -> str:
    r"""How a picture is called: of ``\d{5}`` it is NNNNN.png."""
    stem = re.sub(r"\\d\{(\d+)\}", lambda digits: "N" * int(digits[1]), form.stem) or "*"
    return stem + form.endings[0]
