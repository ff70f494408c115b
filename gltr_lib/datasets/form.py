"""The words in which a dataset's layout is written: a :class:`Pair` of files, the :class:`Coding` of a label map's
values, and the :class:`Form` in which the files lie. :mod:`.layout` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gltr_lib._read import PathLike, read_ids


@dataclass(frozen=True)
class Pair:
    """A picture and its label map; ``label`` is None where labels are not published (test splits)."""

    key: str
    image: Path
    label: Path | None
    coding: str = ""


@dataclass(frozen=True, eq=False)
class Coding:
    """What the values of a label file mean: a table uint8 (256,) to trainIds, and the ids that may occur."""

    table: np.ndarray
    known: frozenset[int]
    read: Callable[[PathLike], np.ndarray] = read_ids


@dataclass(frozen=True)
class Form:
    """One arrangement on a disk. Folders are patterns under the root; ``{split}`` is the split's own folder name.

    ``labels`` holds (ending, coding), the preferred one first; ``stem`` is what a picture's name must look like.
    """

    name: str
    images: str
    label_folder: str
    labels: tuple[tuple[str, str], ...]
    endings: tuple[str, ...] = (".png",)
    folders: Mapping[str, str] = field(default_factory=dict)
    stem: str = ""
    only: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
