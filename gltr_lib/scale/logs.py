"""What a run writes down while it trains: rows (CSV, JSON lines, TensorBoard where it is installed) and pictures.

A row is the mean over ``log_every`` steps. A run that is resumed drops the rows of the steps that it takes again, so
that the log of a run that was killed is the log of one that was not.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from gltr_lib._drafts import atomic_file, is_full, write_text
from gltr_lib._json import parse_object
from gltr_lib.labels import CLASSES, IGNORE, colourize

COLUMNS = ("step", "loss", "ce", "consistency", "lr", "images_per_second", "seconds", "memory_mib")
_STRIP = 14  # pixels above a column of pictures, for its title


class Log:
    """The log of a run folder.

    Args:
        out: the folder.
        first: steps that are done; later rows of an earlier sitting are dropped.
        loud: say once on stderr where TensorBoard is missing.
    """

    def __init__(self, out: Path, first: int = 0, *, loud: bool = False) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.csv, self.jsonl = out / "log.csv", out / "log.jsonl"
        self.records = [record for record in read_records(self.jsonl) if record["step"] <= first]
        write_text(self.jsonl, "".join(json.dumps(record) + "\n" for record in self.records))
        kept = [_line([record.get(name, "") for name in COLUMNS]) for record in self.records if "loss" in record]
        write_text(self.csv, _line(COLUMNS) + "".join(kept))
        self.board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            if loud:
                print(
                    "TensorBoard is not installed (pip install tensorboard); log.csv has the numbers", file=sys.stderr
                )
            return
        self.board = SummaryWriter(str(out / "tensorboard"), purge_step=first + 1)

    def row(self, record: Mapping[str, Any]) -> None:
        """Write the means of some steps down: one of ``COLUMNS`` each."""
        _append(self.csv, _line([record.get(name, "") for name in COLUMNS]))
        self.record(record)

    def record(self, record: Mapping[str, Any]) -> None:
        """Write anything else down, such as a validation; it carries its ``step``."""
        self.records.append(dict(record))
        _append(self.jsonl, json.dumps(record) + "\n")
        if self.board is not None:
            for name, value in record.items():
                if name != "step" and isinstance(value, int | float):
                    self.board.add_scalar(name, value, record["step"])

    def close(self) -> None:
        if self.board is not None:
            self.board.close()


def read_records(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; one that a kill cut off is left out."""
    records = []
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            record = parse_object(line)
        except ValueError:
            continue
        if "step" in record:
            records.append(record)
    return records


def sheet(columns: Mapping[str, Tensor], path: Path) -> Path:
    """Draw pictures side by side, a row for each sample and a titled column for each kind.

    Args:
        columns: title -> float (B,3,H,W) in [0,1], or integer (B,H,W) of trainIds, which are coloured.
        path: the PNG to write; it appears whole or not at all.

    Returns:
        The path.
    """
    drawn = {title: _pixels(values) for title, values in columns.items()}
    first = next(iter(drawn.values()))
    rows, height, width = first.shape[:3]
    canvas = Image.new("RGB", (len(drawn) * (width + 2) - 2, _STRIP + rows * (height + 2) - 2), "white")
    pen = ImageDraw.Draw(canvas)
    for number, (title, pictures) in enumerate(drawn.items()):
        left = number * (width + 2)
        pen.text((left + 2, 1), title, fill="black")
        for row in range(rows):
            canvas.paste(Image.fromarray(pictures[row]), (left, _STRIP + row * (height + 2)))
    with atomic_file(path) as draft:
        canvas.save(draft, format="PNG")
    return path


def _pixels(values: Tensor) -> np.ndarray:
    """uint8 (B,H,W,3) of pictures or of label maps."""
    array = values.detach().cpu()
    if array.is_floating_point():
        return (array.float() * 255).round().byte().permute(0, 2, 3, 1).numpy()
    ids = array.numpy()
    # There are nineteen colours; classes beyond them take the same ones again.
    return np.stack([colourize(one) for one in np.where(ids == IGNORE, IGNORE, ids % len(CLASSES)).astype(np.uint8)])


def _line(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _append(path: Path, text: str) -> None:
    """Add to a file; of a full disk the system names no file, and a run on many processes has many.

    Raises:
        OSError: it cannot be written; the file is named.
    """
    try:
        with open(path, "a", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        why = "the disk is full; free some space" if is_full(error) else f"{error.strerror}; make it writable"
        raise OSError(
            f"{path}: {why} and call this again, without --fresh: it goes on from the last checkpoint"
        ) from error
