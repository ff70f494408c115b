"""What a bank in the making has measured so far: small files, each written whole, none ever changed.

Each flush writes one more file with the paintings since the last, so that it costs the same at the eighty-thousandth
painting as at the first. Two processes on one bank do double work and no harm: a painting measured twice counts once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from gltr_lib import weights
from gltr_lib._json import parse
from gltr_lib.adain import StyleStats

_FORMAT = "gltr-style-bank-part-1"
_TENSORS = ("mean", "std", "measures")


class Parts:
    """Measured paintings by name.

    Args:
        folder: where the files are; None keeps everything in memory only.
        settings: of the measurement; those of files found there must be the same.

    Raises:
        ValueError: files of other settings (the difference is named), or damaged ones.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, settings: dict[str, str]) -> None:
        self.folder = Path(folder) if folder is not None else None
        self.settings = settings
        self.done: dict[str, tuple[int, int]] = {}  # name -> (block, row)
        self.blocks: list[tuple[Tensor, ...]] = []
        self.fresh: list[tuple[str, Tensor, Tensor, Tensor]] = []
        self.number = 0
        for path in sorted(self.folder.glob("*.safetensors")) if self.folder else []:
            self._read(path)

    def add(self, name: str, mean: Tensor, std: Tensor, measures: Sequence[float]) -> None:
        """Take up one painting: mean and std (C), and its texture measures."""
        self.fresh.append((name, mean.cpu(), std.cpu(), torch.tensor(measures, dtype=torch.float32)))
        self.done[name] = (-1, -1)

    def flush(self) -> None:
        """Write what came since the last time."""
        if not self.fresh:
            return
        names = [name for name, *_ in self.fresh]
        tensors = tuple(torch.stack(column) for column in zip(*[row for _, *row in self.fresh], strict=True))
        if self.folder is not None:
            while (path := self.folder / f"{self.number:06d}-{os.getpid()}.safetensors").exists():
                self.number += 1
            header = {"format": _FORMAT, "names": json.dumps(names), **self.settings}
            weights.save_safetensors(dict(zip(_TENSORS, tensors, strict=True)), path, header)
        self._take(names, tensors)
        self.fresh = []

    def collect(self, names: Sequence[str]) -> tuple[list[str], StyleStats, Tensor]:
        """Names, statistics (N, C) and measures (N, M), in the order of ``names``."""
        self.flush()
        starts = [0]
        for block in self.blocks:
            starts.append(starts[-1] + len(block[0]))
        rows = torch.tensor([starts[block] + row for block, row in (self.done[name] for name in names)])
        mean, std, measures = (torch.cat(column)[rows] for column in zip(*self.blocks, strict=True))
        return list(names), StyleStats(mean, std), measures

    def _take(self, names: Sequence[str], tensors: tuple[Tensor, ...]) -> None:
        for row, name in enumerate(names):
            self.done[name] = (len(self.blocks), row)
        self.blocks.append(tensors)

    def _read(self, path: Path) -> None:
        state, header = weights.load_safetensors(path)
        if header.get("format") != _FORMAT or not set(_TENSORS) <= state.keys():
            raise ValueError(f"{path}: not a part of a style bank; delete {self.folder}, or choose another bank name")
        changed = [
            f"{key}: {header.get(key, '')[:80]} before, {value} now" for key, value in self.settings.items()
            if header.get(key) != value
        ]  # fmt: skip
        if changed:
            raise ValueError(
                f"{self.folder}: holds the beginning of another bank ({'; '.join(changed)}); delete it to start anew,"
                " or choose another name for the bank"
            )
        try:
            names = parse(header.get("names", ""))
        except ValueError:
            names = None
        whole = tuple(state[key].float() for key in _TENSORS)
        if not isinstance(names, list) or any(each.ndim != 2 or len(each) != len(names) for each in whole):
            raise ValueError(f"{path}: damaged part of a style bank; delete {self.folder} to start anew")
        self._take([str(name) for name in names], whole)
