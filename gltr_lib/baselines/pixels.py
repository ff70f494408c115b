"""Colour transfer: AdaIN on the pixels themselves. Each channel gets the mean and spread of a painting's.

The control for GTR: it takes from a painting all that three channels can hold and none of its strokes. What GTR gains
over this is texture.

Source: Reinhard, Ashikhmin, Gooch, Shirley, "Color Transfer between Images", IEEE Computer Graphics and Applications
21(5), 2001, who did it in the decorrelated colours l-alpha-beta; here it is done in RGB, by the library's own AdaIN, so
that pixels are the only difference to GTR. Values beyond [0, 1] are cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gltr_lib._draws import Generators, uniform
from gltr_lib.adain import adain
from gltr_lib.baselines import _base
from gltr_lib.baselines.gallery import NUMBER, SIZE, Gallery

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank


class Pixels(_base.View):
    """The mean and spread of colour of a painting.

    Args:
        alpha: 0 leaves the picture, 1 gives it the painting's statistics.
        paintings, number, size, bank: which paintings; see :class:`gltr_lib.baselines.gallery.Gallery`.

    Raises:
        ValueError: a value out of its range, or paintings that cannot be had.

    Example:
        >>> from gltr_lib.style_bank import StyleBank
        >>> view = Pixels(number=8, bank=StyleBank.load("paintings-mini"))
        >>> view(torch.rand(2, 3, 4, 6), torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 4, 6])
    """

    def __init__(
        self,
        alpha: float = 1.0,
        paintings: str | None = None,
        number: int = NUMBER,
        size: int = SIZE,
        bank: StyleBank | None = None,
    ) -> None:
        super().__init__()
        self.alpha = _base.number(alpha, "alpha", 0, 1)
        self.gallery = Gallery(bank, paintings=paintings, number=number, size=size, user="pixels")
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def render(self, images: Tensor, generator: Generators, painted: Tensor | None) -> Tensor:
        drawn = self.gallery.draw(uniform(len(images), generator))
        stats = [self.statistics(index) for index in drawn]
        mean, std = (torch.stack(values).to(images.device) for values in zip(*stats, strict=True))
        return adain(images, mean, std, self.alpha)

    def statistics(self, index: int) -> tuple[Tensor, Tensor]:
        """Mean and spread of red, green and blue of a painting, float32 (3,) each; six numbers are remembered."""
        if index not in self._known:
            pixels = self.gallery.picture(index, keep=False).float().flatten(1) / 255
            self._known[index] = (pixels.mean(1), pixels.std(1, correction=0))
        return self._known[index]
