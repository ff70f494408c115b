"""What the study's networks see: rendered streets, copies of them painted beforehand, and frames of somebody else's.

Rendered streets are kept as :mod:`gltr_lib.datasets.rendered` keeps them, and painted copies beside them; frames are
read from their files each time.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from gltr_lib.datasets import rendered
from gltr_lib.datasets.looks import Part, Streets, check_open
from gltr_lib.study import real_tier
from gltr_lib.study.grid import BASE
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


def load(
    streets: Streets, size: tuple[int, int], folder: str | os.PathLike[str] | None = None, *, final: bool = False
) -> tuple[Tensor, Tensor]:
    """Images and labels of some streets: rendered, painted, read from the cache, or frames from their files.

    Arguments, return and errors are those of :func:`gltr_lib.datasets.rendered.load`.
    """
    return rendered.load(streets, size, folder, final=final, read=load_part)


def load_part(part: Part, size: tuple[int, int], folder: str | os.PathLike[str], *, final: bool = False) -> np.ndarray:
    """One look's scenes as uint8 (N,H,W,4); frames of somebody else's are read from their files each time."""
    look, seeds = part
    check_open(look, final=final)
    if real_tier.are_files(look):
        return real_tier.load(look, seeds, size[1])
    if look.startswith("painted:"):
        copy = int(look.split(":")[1])
        return rendered.kept(part, size, folder, lambda: _paint(load_part(("game", seeds), size, folder), copy))
    return rendered.load_part(part, size, folder, final=final)


def _paint(game: np.ndarray, copy: int, batch: int = 16) -> np.ndarray:
    """A copy of the game's scenes painted beforehand, each in a style of its own; on the CPU, as eight-bit pictures."""
    stylizer, bank = Stylizer.load(BASE.stylizer, device="cpu"), StyleBank.load(BASE.bank)
    styles = bank.sample(len(game), torch.Generator().manual_seed(copy))
    painted = game.copy()
    with torch.inference_mode():
        for start in range(0, len(game), batch):
            part = slice(start, start + batch)
            images = torch.from_numpy(game[part, ..., :3]).permute(0, 3, 1, 2).float() / 255
            made = stylizer.stylize(images, styles[torch.arange(start, start + len(images))])
            painted[part, ..., :3] = (made * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return painted
