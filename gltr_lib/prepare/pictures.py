"""A folder of pictures without labels, paintings above all: open each one whole, name the broken ones."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from gltr_lib._read import read_image
from gltr_lib.datasets.folder import find_pictures
from gltr_lib.prepare import _job


def examine(
    folder: str | os.PathLike[str], *, workers: int | None = None, on_picture: _job.OnItem | None = None
) -> dict[str, Any]:
    """Decode every picture below a folder; nothing is written.

    Args:
        folder: pictures, subfolders included.
        workers: processes; None for one a core, at most 8.
        on_picture: called with (done, all, name).

    Returns:
        ``good`` (number), ``refused`` (name -> reason), ``smallest_side`` (``least`` and ``most`` of the shorter
        sides), ``without_licence`` (pictures that no ``met.jsonl`` beside them vouches for).

    Raises:
        ValueError: no such folder, or no picture in it.
    """
    base = Path(folder)
    files = find_pictures(base)
    licensed = {
        f"met_{key}.jpg" for key, facts in _job.read_journal(base / "met.jsonl").items() if facts.get("licence")
    }
    with tempfile.TemporaryDirectory() as scratch:
        outcome = _job.run(
            partial(_open, base),
            {path.relative_to(base).as_posix(): None for path in files},
            Path(scratch) / "journal.jsonl",
            is_there=lambda *_: True,
            workers=workers,
            on_item=on_picture,
        )
    sides = [min(entry["size"]) for entry in outcome.done.values()] or [0]
    return {
        "good": len(outcome.done),
        "refused": dict(sorted(outcome.refused.items())),
        "smallest_side": {"least": min(sides), "most": max(sides)},
        "without_licence": sum(name not in licensed for name in outcome.done),
    }


def _open(base: Path, name: str, nothing: None) -> _job.Entry:
    height, width = read_image(base / name).shape[:2]
    return {"size": [width, height]}
