"""A style bank on disk: what its safetensors file holds, how it is written, found and read; for :mod:`.style_bank`.

The tensors are ``mean`` and ``std`` (N, C), and ``measure.<name>`` (N) for each number about the paintings; the header
has the format, the stylizer's name and fingerprint, and the styles' names as JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gltr_lib import weights
from gltr_lib._json import KINDS, parse
from gltr_lib._typed import brief
from gltr_lib.adain import StyleStats

FORMAT = "gltr-style-bank-1"
_MEASURE = "measure."  # before the names of measures among a file's tensors


class Parts(NamedTuple):
    """What a bank is made of, by the names of :class:`gltr_lib.style_bank.StyleBank`'s arguments."""

    stats: StyleStats
    names: Sequence[str]
    fingerprint: str
    stylizer: str
    measures: Mapping[str, Tensor]


def write(parts: Parts, where: Path, *, half: bool) -> Path:
    """Write a bank, to a temporary name first; the path.

    Raises:
        ValueError: a folder instead of a file's name, or numbers too large for float16.
    """
    dtype = torch.float16 if half else torch.float32
    tensors = {
        "mean": parts.stats.mean.to("cpu", dtype).contiguous(),
        "std": parts.stats.std.to("cpu", dtype).contiguous(),
        **{_MEASURE + key: values.contiguous() for key, values in parts.measures.items()},
    }
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise ValueError(f"{where}: the statistics are too large for float16; save with half=False")
    header = {
        "format": FORMAT,
        "stylizer": parts.stylizer,
        "fingerprint": parts.fingerprint,
        "names": json.dumps(parts.names, ensure_ascii=False),
    }
    return weights.save_safetensors(tensors, where, header)


def open_bank(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the header of a bank's file, or of a shipped bank by its name.

    Raises:
        FileNotFoundError: no such file (a ValueError, too).
        ValueError: not a bank, an unknown name (the valid ones are listed), or a folder (how to make a bank of it is
            said).
    """
    where = Path(path)
    valid = weights.names("style_bank")
    if str(path) and os.path.isdir(where) and path not in valid:
        raise ValueError(
            f"style bank: {brief(str(path))} is a folder; make a bank of its pictures with gltr bank build FOLDER"
            " BANK.safetensors (or gltr_lib.offline.build_bank) and load that file"
        )
    shipped = isinstance(path, str) and path in valid
    if shipped or (isinstance(path, str) and where.suffix != ".safetensors" and not where.is_file()):
        if not shipped:
            raise ValueError(
                f"style bank: unknown {path!r}; shipped: {', '.join(valid) or '(none)'}; a bank's file or"
                " a folder of paintings must exist"
            )
        state, header = weights.load(str(path))
    else:
        state, header = weights.load_safetensors(where)
    if header.get("format") != FORMAT or not {"mean", "std"} <= state.keys():
        raise ValueError(f"{path}: not a style bank (format {header.get('format')!r}, expected {FORMAT!r})")
    return state, header


def read_parts(state: Mapping[str, Tensor], header: Mapping[str, str]) -> Parts:
    """What an opened file says that its bank is.

    Raises:
        KeyError: the header lacks something.
        TypeError, ValueError: names that are no list, or no statistics.
    """
    names = parse(header["names"])
    if not isinstance(names, list):
        raise ValueError(f"names: expected a list, found {KINDS.get(type(names), 'a number')}")
    stats = StyleStats(state["mean"].float(), state["std"].float())
    measures = {key.removeprefix(_MEASURE): state[key].float() for key in state if key.startswith(_MEASURE)}
    return Parts(stats, names, header["fingerprint"], header["stylizer"], measures)
