"""What a stylising job will do, decided before it starts: names, shards and styles, as pure functions.

Nothing here depends on order, batch, number of processes or on how often a job was resumed: a copy's name and style
follow from the picture's name, the copy's number and the seed. That is why shards can run anywhere and a killed job
can go on, and the result is the same.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gltr_lib._typed import brief, typed
from gltr_lib._validate import check_choice, check_share, describe
from gltr_lib.datasets.folder import find_pictures

FORMATS = ("keep", "png", "jpg")
LEAST_TILE = 64
MOST_COPIES = 10_000


@typed
def list_images(folder: str | os.PathLike[str], only: Collection[str] | None = None) -> list[Path]:
    """Pictures below a folder, sorted, as paths relative to it.

    Args:
        folder: where they lie.
        only: these of them, by such a path with ``/``; all if None.

    Raises:
        ValueError: no such folder, no picture in it, or not one of ``only``.
    """
    found = [path.relative_to(folder) for path in find_pictures(folder)]
    if only is None:
        return found
    wanted = set(only)
    chosen = [path for path in found if path.as_posix() in wanted]
    if len(chosen) < len(wanted) or not wanted:
        lost = sorted(wanted - {path.as_posix() for path in chosen})
        raise ValueError(f"{folder}: expected names of pictures in it, received {brief(lost[0]) if lost else 'none'}")
    return chosen


@typed
def style_indices(name: str, seed: int, styles: int, copies: int) -> list[int]:
    """Which style each copy of a picture gets: decided by its name and the seed, the same on every machine.

    Args:
        name: of the picture, relative, with ``/``.
        seed: of the job.
        styles: how many there are to draw from.
        copies: how many to draw; no style twice among the first ``styles`` of them, nor among the next.

    Returns:
        ``copies`` numbers below ``styles``. More copies continue the list and change nothing in it.

    Raises:
        ValueError: no styles.

    Example:
        >>> style_indices("a/street.png", 0, 500, 3)[:2] == style_indices("a/street.png", 0, 500, 2)
        True
        >>> sorted(style_indices("a/street.png", 0, 4, 4))
        [0, 1, 2, 3]
    """
    if styles < 1:
        raise ValueError(f"style_indices: expected at least 1 of the styles, received {styles}")
    if not 0 <= copies <= MOST_COPIES:
        raise ValueError(f"copies: expected 0 to {MOST_COPIES}, received {copies}")
    drawn: list[int] = []
    for copy in range(copies):
        taken = drawn[copy // styles * styles :]
        index, attempt = _hash(f"{seed}:{name}" if copy == 0 else f"{seed}:{name}\0{copy}") % styles, 0
        while index in taken:
            attempt += 1
            index = _hash(f"{seed}:{name}\0{copy}\0{attempt}") % styles
        drawn.append(index)
    return drawn


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:8], "big")


@dataclass(frozen=True)
class Recipe:
    """How pictures are stylised: what must stay the same when a job is resumed.

    Args:
        alpha: strength of the style, 0 to 1.
        seed: decides, with a picture's name and the copy's number, its style.
        copies: how many of each picture. One copy has the names of the source; several lie in ``copy-00``,
            ``copy-01``, ... with the names of the source in each.
        one_style_per_copy: a copy is one painting for all pictures, as in the folders of the paper's released code.
        format: "keep" the source's, or write all as "png" or "jpg" (the name's ending changes then, and only that).
        tile: stylise in tiles of about this side, in pixels, with the statistics of the whole picture; None: at once.
        memory: budget in MiB from which batch and tile of each size of pictures follow, instead of ``tile``.

    Raises:
        TypeError, ValueError: a value out of its range.

    Example:
        >>> Recipe(copies=2, format="png").outputs("berlin/1.jpg")
        ['copy-00/berlin/1.png', 'copy-01/berlin/1.png']
    """

    alpha: float = 1.0
    seed: int = 0
    copies: int = 1
    one_style_per_copy: bool = False
    format: str = "keep"
    tile: int | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        check_share(self.alpha, "alpha")
        check_choice(self.format, FORMATS, "format")
        for name, least in (("copies", 1), ("tile", LEAST_TILE), ("memory", 1)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if name == "copies" and whole and value > MOST_COPIES:
                raise ValueError(f"copies: expected at most {MOST_COPIES}, received {value}")
            if value is not None and (not whole or value < least):
                raise ValueError(f"{name}: expected a whole number >= {least}, received {describe(value)}")
        if self.tile is not None and self.memory is not None:
            raise ValueError(f"memory: chooses the tile, and tile={self.tile} is given too; leave one of them out")

    def outputs(self, name: str) -> list[str]:
        """Names of all copies of a picture, relative to the target folder."""
        if self.format != "keep":
            name = PurePosixPath(name).with_suffix(f".{self.format}").as_posix()
        return [name] if self.copies == 1 else [f"copy-{copy:02d}/{name}" for copy in range(self.copies)]

    def styles(self, name: str, styles: int) -> list[int]:
        """Number of the style of each copy."""
        return style_indices("" if self.one_style_per_copy else name, self.seed, styles, self.copies)

    def settings(self) -> dict[str, Any]:
        """All of it as JSON."""
        return asdict(self)


def check_names(names: Sequence[Path], recipe: Recipe) -> None:
    """Refuse pictures that would be written to one name, such as ``a.jpg`` and ``a.png`` with ``format="png"``."""
    if recipe.format == "keep":
        return
    seen: dict[str, Path] = {}
    for name in names:
        out = recipe.outputs(name.as_posix())[0]
        if out in seen:
            raise ValueError(f"{seen[out]} and {name} would both become {out}; use format keep, or rename one of them")
        seen[out] = name


@typed
def launched_shard(environment: Mapping[str, str] | None = None) -> tuple[int, int, int] | None:
    """The place of this process under ``torchrun`` or ``accelerate launch``: (rank, world size, local rank).

    Args:
        environment: default ``os.environ``; RANK, WORLD_SIZE and LOCAL_RANK are read.

    Returns:
        None if it was started alone.

    Raises:
        ValueError: the variables contradict each other.

    Example:
        >>> launched_shard({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"})
        (5, 8, 1)
    """
    found = os.environ if environment is None else environment
    if found.get("WORLD_SIZE", "1") == "1":
        return None
    try:
        rank, world = int(found["RANK"]), int(found["WORLD_SIZE"])
        local = int(found.get("LOCAL_RANK", rank))
    except (KeyError, ValueError):
        raise ValueError(
            f"WORLD_SIZE={found['WORLD_SIZE']!r} with RANK={found.get('RANK')!r}: expected two whole numbers, as"
            " torchrun sets them; unset them, or start with torchrun"
        ) from None
    if not 0 <= rank < world:
        raise ValueError(f"RANK={rank}: expected 0 to {world - 1} (WORLD_SIZE={world})")
    return rank, world, local
