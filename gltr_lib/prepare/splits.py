"""Which picture belongs to which split: the published lists, lists in files, and splits drawn by us.

The published lists of GTA5 and SYNTHIA are facts that every paper shares and that no archive of pictures contains:
they ship with this package (``assets/splits.json``, 4 KiB) as runs and bits. Names: ``gta5`` (the official 12,403 /
6,382 / 6,181), ``gta5-robustnet`` (its train list lacks 15 named pictures), ``gta5-gtr`` (two 640x640 crops of each
train picture), ``synthia`` (9,000 / 400, as in the official code of GTR), ``synthia-robustnet`` (6,580 / 2,820).

Sources: lists of ZJULearning/MaxSquareLoss (MIT) and of shachoi/RobustNet, which agree; leolyj/GTR-LTR for the crops.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from gltr_lib._validate import check_choice

PathLike = str | os.PathLike[str]
PUBLISHED = ("gta5", "gta5-robustnet", "gta5-gtr", "synthia", "synthia-robustnet")
_LETTERS = {"r": "train", "v": "val", "e": "test"}
_ASSET = Path(__file__).parents[1] / "assets" / "splits.json"


@cache
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
    facts = json.loads(_ASSET.read_text(encoding="utf-8"))
    if name.startswith("synthia"):
        if name == "synthia":
            return {"train": _seven(range(9000)), "val": _seven(range(9000, 9400))}
        bits = np.unpackbits(np.frombuffer(base64.b64decode(facts["synthia_robustnet"]), np.uint8))[:9400]
        return {"train": _seven(np.flatnonzero(bits)), "val": _seven(np.flatnonzero(bits == 0))}
    lists: dict[str, list[int]] = {split: [] for split in _LETTERS.values()}
    first = 1
    for count, letter in re.findall(r"(\d+)([rve])", facts["gta5"]):
        lists[_LETTERS[letter]] += range(first, first + int(count))
        first += int(count)
    left_out = set(facts["gta5_robustnet_left_out"]) if name == "gta5-robustnet" else set()
    keys = {split: tuple(f"{n:05d}" for n in numbers if n not in left_out) for split, numbers in lists.items()}
    if name == "gta5-gtr":
        keys["train"] = tuple(f"{key}_{crop:02d}" for key in keys["train"] for crop in range(2))
    return keys


def read_list(path: PathLike, *, digits: int = 0) -> list[str]:
    """Read a list of pictures from a text file, one a line.

    Args:
        path: lines such as ``00001``, ``1``, ``00001.png``, ``images/00001.png``; empty lines and ``#`` lines are left
            out. Of a path only the name counts; of several columns only the first.
        digits: pad bare numbers to this many digits (5 for GTA5, 7 for SYNTHIA).

    Returns:
        Keys (names without ending) in the order of the file.

    Raises:
        ValueError: no such file, no key in it, or a key that comes twice.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "train.txt").write_text("images/00001.png\\n2\\n")
        ...     read_list(Path(folder) / "train.txt", digits=5)
        ['00001', '00002']
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such list; expected a text file with one picture a line")
    keys: list[str] = []
    seen: dict[str, int] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file; expected one picture a line") from None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = Path(words[0]).stem
        key = key.zfill(digits) if key.isdigit() else key
        if key in seen:
            raise ValueError(f"{path}:{number}: {key} stands in line {seen[key]} already; a list names a picture once")
        seen[key] = number
        keys.append(key)
    if not keys:
        raise ValueError(f"{path}: an empty list; expected one picture a line")
    return keys


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
        draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        draft.write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
        os.replace(draft, target)
        files.append(target)
    return files


def draw(keys: Sequence[str], shares: Mapping[str, float], seed: int = 0) -> dict[str, list[str]]:
    """Draw a split of our own: a picture's split depends on the seed and its name alone.

    So a picture that is added later moves no other picture. Shares are met in expectation.

    Args:
        keys: names of pictures.
        shares: split -> share; they add up to 1.
        seed: any integer.

    Returns:
        split -> keys, in the order given.

    Raises:
        ValueError: shares that do not add up to 1, or are negative.

    Example:
        >>> parts = draw([f"{n:05d}" for n in range(1000)], {"train": 0.9, "val": 0.1}, seed=0)
        >>> 60 < len(parts["val"]) < 140
        True
    """
    if any(share < 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"draw: expected shares that add up to 1, received {dict(shares)}")
    parts: dict[str, list[str]] = {split: [] for split in shares}
    edges = np.cumsum(list(shares.values()))
    for key in keys:
        value = int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:8], "big") / 2**64
        parts[list(shares)[min(int(np.searchsorted(edges, value, side="right")), len(shares) - 1)]].append(key)
    return parts


def compare(found: Iterable[str], wanted: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return (missing, beyond): keys of the list that are not there, keys there that are not in the list.

    Example:
        >>> compare(["a", "b"], ["b", "c"])
        (['c'], ['a'])
    """
    have, want = set(found), set(wanted)
    return sorted(want - have), sorted(have - want)


def _seven(numbers: Iterable[int]) -> tuple[str, ...]:
    return tuple(f"{int(number):07d}" for number in numbers)
