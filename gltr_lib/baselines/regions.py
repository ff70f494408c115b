"""Stylised CutMix: a rectangle of the GTR picture is pasted into the raw one. The box twin of LTR.

LTR mixes paint and picture in blobs; this rival does it in a box. The box follows CutMix: it takes the share s of the
area, ``sqrt(s) H`` by ``sqrt(s) W`` pixels, s ~ U(0,1), its centre lies anywhere, and what hangs over the edge is cut
off. Cut boxes are smaller than s: on average 32 % of the pixels are painted. ``place="inside"`` keeps the box in the
picture, so that the painted share *is* s, up to the rounding of its sides; with ``share=0.5`` only the shape differs
from LTR's. ``place="blobs"`` takes LTR's blobs in the box's place: with ``share=0.5`` the view *is* LTR's, and a method
with this view alone shows LTR without a GTR view beside it.

Both patches show the same scene, so the labels are one picture's, and CutMix's mixing of labels falls away.

Source: Yun, Han, Oh, Chun, Choe, Yoo, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
Features", ICCV 2019 (arXiv 1905.04899), equations 1 and 2, with its alpha = 1, for which lambda ~ U(0,1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gltr_lib._checks import check_choice
from gltr_lib._draws import Generators, uniform
from gltr_lib._validate import check_images, describe
from gltr_lib.baselines._base import View, span
from gltr_lib.randomize import GlobalTextureRandomization, LocalTextureRandomization

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

PLACES = ("cut", "inside", "blobs")


class Regions(View):
    """A painted rectangle in a raw picture, or blobs.

    Args:
        share: of the area that the box takes, a number or (low, high) to draw from uniformly.
        place: "cut" at the edges (CutMix), or "inside" the picture; "blobs" are LTR's, and no box.
        sigma: of blobs, as LTR has it: range of their size in pixels at a 640-pixel crop.
        stylizer: paints, at full strength; a method's ``alpha`` reaches the view as painted pictures.
        bank: its styles.

    Raises:
        ValueError: a value out of its range; neither tools nor, at the call, painted pictures.

    Example:
        >>> view = Regions(share=0.25, place="inside")
        >>> view(torch.zeros(1, 3, 8, 8), torch.Generator().manual_seed(0), torch.ones(1, 3, 8, 8)).mean().item()
        0.25
    """

    def __init__(
        self,
        share: float | tuple[float, float] = (0.0, 1.0),
        place: str = "cut",
        sigma: tuple[float, float] = (4.0, 16.0),
        stylizer: Stylizer | None = None,
        bank: StyleBank | None = None,
    ) -> None:
        super().__init__()
        self.share = span(share, "share", 0, 1)
        self.place = check_choice(place, PLACES, "place")
        self.ltr = LocalTextureRandomization(sigma=sigma, share=share) if self.place == "blobs" else None
        tools = stylizer is not None and bank is not None
        self.gtr = GlobalTextureRandomization(stylizer, bank) if tools else None  # type: ignore[arg-type]

    def render(self, images: Tensor, generator: Generators, painted: Tensor | None) -> Tensor:
        if painted is None:
            if self.gtr is None:
                raise ValueError(
                    "regions: needs a stylizer and a bank, or painted pictures; "
                    'use Stylizer.load("mini") and StyleBank.load("paintings-mini")'
                )
            painted = self.gtr(images, generator=generator)
        check_images(painted, "painted")
        if painted.shape != images.shape:
            raise ValueError(f"painted: expected the shape of images {describe(images)}, received {describe(painted)}")
        if self.ltr is not None:
            return self.ltr(images, painted, generator=generator)[0]
        batch, _, height, width = images.shape
        mask = self.mask(batch, height, width, generator).to(images.device)
        return torch.where(mask, painted.as_subclass(Tensor).to(images.dtype), images)

    def mask(self, batch: int, height: int, width: int, generator: Generators = None) -> Tensor:
        """Draw boxes; blobs are drawn where they are mixed.

        Args:
            batch, height, width: of the pictures.
            generator: source of randomness; a sequence holds one for each picture.

        Returns:
            bool tensor (batch, 1, height, width) on the CPU, true inside the box.
        """
        u = uniform(batch, generator, rows=3).cpu().double()
        low, high = self.share
        root = (low + (high - low) * u[0]).sqrt()
        rows = self._side(height, root, u[1])
        columns = self._side(width, root, u[2])
        return rows[:, None, :, None] & columns[:, None, None, :]

    def _side(self, length: int, root: Tensor, u: Tensor) -> Tensor:
        """Which of ``length`` pixels the boxes take in one direction: bool (batch, length)."""
        side = root * length
        if self.place == "cut":
            start, end = (u * length - side / 2).round(), (u * length + side / 2).round()
        else:
            side = side.round()
            start = (u * (length - side + 1)).floor()
            end = start + side
        pixels = torch.arange(length)
        return (pixels >= start[:, None]) & (pixels < end[:, None])
