"""The paintings behind a style bank, as pixels: two rivals need the pictures themselves, and a bank holds statistics.

The shipped bank is procedural, and the name of a style says how its painting was made ("sumi-0": kind and seed), so it
can be painted again. At 128 pixels that took 22 to 32 ms a painting where it was measured (one thread, idle and busy),
so nothing is painted before it is drawn, and each painting once: a long training pays 11 to 16 s for all 512, spread
over its first steps, a short one little. Real paintings cannot be made again; a folder of them is read instead, in the
same lazy way.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gltr_lib._checks import check_integer
from gltr_lib._read import read_image

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank

NUMBER = 512  # paintings at most; of more, as many are taken at even distances
SIZE = 128  # pixels a side
_NAME = re.compile(r"(.+)-(\d+)")


class Gallery:
    """Paintings by number, painted or read when first asked for.

    Args:
        bank: whose paintings; their names must be procedural ("kind-seed").
        paintings: a folder of pictures (subfolders included) instead of the bank's.
        number: at most so many paintings; of more, as many are taken at even distances.
        size: side of a painting in pixels, at least 8; a picture of another shape is squeezed into a square. Raise it
            with the crop, if fine strokes matter (``fourier`` with a large beta).
        user: who asks, for error messages.

    Raises:
        ValueError: neither bank nor folder, names that are not procedural, an empty folder, or a bad value.

    Example:
        >>> from gltr_lib.style_bank import StyleBank
        >>> gallery = Gallery(StyleBank.load("paintings-mini"), number=4)
        >>> gallery.names
        ['sumi-0', 'impasto-128', 'pastel-256', 'woodcut-384']
    """

    def __init__(
        self,
        bank: StyleBank | None,
        *,
        paintings: str | os.PathLike[str] | None = None,
        number: int = NUMBER,
        size: int = SIZE,
        user: str = "gallery",
    ) -> None:
        count, self.size = check_integer(number, "number", 1), check_integer(size, "size", 8)
        found: list[Path | tuple[str, int]]
        if paintings is not None:
            from gltr_lib.datasets.folder import find_pictures

            found = [*find_pictures(paintings, "paintings")]  # those that a bank of the folder is built of
        elif bank is not None:
            found = _procedural(bank.names, user)
        else:
            raise ValueError(
                f'{user}: needs paintings; hand over a bank such as StyleBank.load("paintings-mini"), or set '
                "paintings=<folder of pictures>"
            )
        self._sources = [found[i * len(found) // count] for i in range(count)] if len(found) > count else found
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def names(self) -> list[str]:
        """What the paintings are called."""
        return [source.name if isinstance(source, Path) else f"{source[0]}-{source[1]}" for source in self._sources]

    def draw(self, uniforms: Tensor) -> list[int]:
        """The paintings that uniform numbers (B,) choose."""
        return [min(int(u * len(self)), len(self) - 1) for u in uniforms.double().tolist()]

    def picture(self, index: int, *, keep: bool = True) -> Tensor:
        """A painting, uint8 (3, size, size); ``keep`` remembers it.

        Raises:
            ValueError: a picture that cannot be read; the file is named.
        """
        if index in self._kept:
            return self._kept[index]
        pixels = torch.from_numpy(_make(self._sources[index], self.size).transpose(2, 0, 1).copy())
        if keep:
            self._kept[index] = pixels
        return pixels


def _make(source: Path | tuple[str, int], size: int) -> np.ndarray:
    if isinstance(source, Path):
        picture = Image.fromarray(read_image(source))
        return np.array(picture.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0))
    from gltr_lib.paintings import paint

    return paint(source[1], source[0], size)


def _procedural(names: tuple[str, ...], user: str) -> list[Path | tuple[str, int]]:
    """Kind and seed of each name of a bank."""
    from gltr_lib.paintings import KINDS

    found: list[Path | tuple[str, int]] = []
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None or match[1] not in KINDS:
            raise ValueError(
                f"{user}: the bank's style {name!r} is no procedural painting (such as 'sumi-0'), so its pixels are "
                "not known; set the option paintings=<the folder that the bank was built of>"
            )
        found.append((match[1], int(match[2])))
    return found
