"""GTR's training set: two crops of 640x640 of each of GTA5's 12,403 training frames, ``NNNNN_00`` and ``NNNNN_01``.

The official lists count 24,806 such crops and the code reads them without any further cropping or scaling. *Where*
they were cut is not published. Ours are drawn uniformly, from a seed and the picture's name alone, so that every
machine cuts the same ones; they are not the authors'. Label maps keep their palette and their ids: the result is read
like GTA5.

Source: leolyj/GTR-LTR, datasets/GTA_640/list (names and counts).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gltr_lib._drafts import alone, atomic_file, write_text
from gltr_lib._read import read_image
from gltr_lib._typed import typed
from gltr_lib.datasets import LAYOUTS
from gltr_lib.datasets.form import Pair
from gltr_lib.prepare import _job
from gltr_lib.prepare.convert import labelled_pairs
from gltr_lib.prepare.splits import crop_key, write_lists

PathLike = str | os.PathLike[str]
MANIFEST = "crops.json"


@typed
def crop_pairs(
    root: PathLike,
    out: PathLike,
    *,
    split: str = "train",
    lists: str | None = None,
    size: int = 640,
    count: int = 2,
    seed: int = 0,
    workers: int | None = None,
    on_pair: _job.OnItem | None = None,
) -> dict[str, Any]:
    """Cut crops of GTA5's frames and label maps; call again to go on after an interruption.

    Args:
        root: GTA5 as its archives unpack, ``images`` and ``labels``; only read.
        out: folder for ``images``, ``labels``, ``<split>.txt`` and ``crops.json``: new, empty, or of an earlier call.
        split: which frames.
        lists: "official" (the default) or "robustnet".
        size: side of a crop in pixels.
        count: crops of each frame.
        seed: decides, with a frame's name, where they lie.
        workers: processes; None for one a core, at most 8.
        on_pair: called with (finished, all, key).

    Returns:
        The manifest: ``settings``, ``done`` (frame -> top-left corners (x, y)), ``refused`` (frame -> reason),
        ``complete``, ``notes`` (what the layout warned of).

    Raises:
        ValueError: no such frames, a bad size or count, another job's folder.
        OSError: the disk is full. RuntimeError: a worker was killed.

    Frames that cannot be read, or are smaller than a crop, are refused by name.
    """
    if size < 1 or not 1 <= count <= 100:
        raise ValueError(f"crops: expected a size of at least 1 and 1 to 100 crops, received {size} and {count}")
    out = Path(out)
    layout = LAYOUTS["gta5"]
    found, notes = labelled_pairs(layout, root, split, {"lists": lists})
    pairs = {pair.key: pair for pair in found}
    whole = [key for key in pairs if "_" in key]
    if whole:
        raise ValueError(f"{root}: holds crops already ({whole[0]} ...); give the folder of the full frames")
    settings = {
        "job": "crops",
        "split": split,
        "lists": lists or "official",
        "size": size,
        "count": count,
        "seed": seed,
    }
    with alone(out), _job.room(out):
        _job.claim(out, MANIFEST, settings)
        started = time.monotonic()
        outcome = _job.run(
            partial(_crop_one, out, size, count, seed),
            pairs,
            out / f"{split}.jsonl",
            is_there=partial(_is_there, out, count),
            workers=workers,
            on_item=on_pair,
        )
        write_lists(out, {split: [crop_key(key, n) for key in outcome.done for n in range(count)]})
        manifest = {
            "settings": settings,
            "positions": "drawn uniformly from the seed and the name of the frame; the paper's are not published",
            "complete": not outcome.refused,
            "notes": notes,
            "done": {key: entry["corners"] for key, entry in outcome.done.items()},
            "refused": dict(sorted(outcome.refused.items())),
            "seconds": round(time.monotonic() - started, 1),
        }
        text = json.dumps(manifest, ensure_ascii=False) + "\n"
        write_text(out / MANIFEST, text, swept=True)
    return manifest


@typed
def corners(key: str, width: int, height: int, *, size: int = 640, count: int = 2, seed: int = 0) -> list[list[int]]:
    """Where the crops of a picture lie: uniform over all positions, decided by the seed and the name alone.

    Args:
        key: the picture's name without ending.
        width: of the picture, in pixels.
        height: likewise.
        size: side of a crop.
        count: number of crops; the first ones do not depend on it.
        seed: any integer.

    Returns:
        [x, y] of each top-left corner.

    Raises:
        ValueError: the picture is smaller than a crop.

    Example:
        >>> corners("00001", 1914, 1052) == corners("00001", 1914, 1052, count=3)[:2]
        True
    """
    if size < 1 or not 0 <= count <= 10_000:
        raise ValueError(f"corners: expected a size from 1 and at most 10,000 crops, received {size} and {count}")
    if width < size or height < size:
        raise ValueError(f"{key}: the picture is {width}x{height}, smaller than a crop of {size}x{size}")
    found = []
    for number in range(count):
        drawn = hashlib.sha256(f"{seed}:{crop_key(key, number)}".encode()).digest()
        x, y = (int.from_bytes(part, "big") / 2**64 for part in (drawn[:8], drawn[8:16]))
        found.append([int(x * (width - size + 1)), int(y * (height - size + 1))])
    return found


def _crop_one(out: Path, size: int, count: int, seed: int, key: str, pair: Pair) -> _job.Entry:
    """Runs in a worker: all crops of one frame, image and label map at the same place."""
    image = read_image(pair.image)
    ids = LAYOUTS["gta5"].read_ids(pair)  # refuses what is no label map, by name
    if image.shape[:2] != ids.shape:
        raise ValueError(
            f"{pair.image} is {image.shape[1]}x{image.shape[0]} but its label map is {ids.shape[1]}x{ids.shape[0]}; "
            f"a pair must have one size: unpack both again, or leave it out: the names that you want in a <split>.txt "
            f"beside 'images'"
        )
    places = corners(key, image.shape[1], image.shape[0], size=size, count=count, seed=seed)
    with Image.open(str(pair.label)) as opened:
        palette = opened.getpalette() if opened.mode == "P" else None
    for number, (x, y) in enumerate(places):
        name = f"{crop_key(key, number)}.png"
        window = np.s_[y : y + size, x : x + size]
        picture, label = Image.fromarray(image[window]), Image.fromarray(ids[window])
        if palette is not None:
            label.putpalette(palette)
        for kind, part in (("images", picture), ("labels", label)):
            with atomic_file(out / kind / name, swept=True) as draft:
                part.save(draft, format="PNG")
    return {"corners": places}


def _is_there(out: Path, count: int, key: str, pair: Pair, entry: _job.Entry) -> bool:
    names = [f"{crop_key(key, number)}.png" for number in range(count)]
    return isinstance(entry.get("corners"), list) and all(
        (out / kind / name).is_file() for kind in ("images", "labels") for name in names
    )
