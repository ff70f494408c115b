"""From a batch of source pictures to the views that a training step sees; all randomness from one generator each.

Three stages, in this order. *Geometry*: zoom, crop and mirror, the same for every view of a picture, so that labels and
the consistency between views stay pixel-exact. *Texture*: the views of the method (raw, GTR, LTR, or a rival's of
:mod:`gltr_lib.baselines`). *Photometry*:
brightness, contrast, saturation and blur, drawn anew for every view; every method gets the same of it.

Numbers are drawn on the generator's device (a CPU generator gives the same augmentation on every machine), pixels are
moved on the images' device. Source: the blur (half of the images, radius U(0,1)) is that of the official GTR-LTR code;
zoom and jitter are the usual ones of segmentation training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gltr_lib import baselines
from gltr_lib._augment import Geometry, apply_geometry, draw_geometry, gaussian_blur, photometric
from gltr_lib._draws import Generators, choose, onto, uniform
from gltr_lib.randomize import GlobalTextureRandomization, LocalTextureRandomization, share_schedule

if TYPE_CHECKING:
    from gltr_lib.config import MethodConfig
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

__all__ = ["Geometry", "Views", "apply_geometry", "draw_geometry", "gaussian_blur", "photometric"]


class Views:
    """Makes the views of a method: raw pictures, global (GTR) and local (LTR) texture randomization, rivals.

    Args:
        method: which views, and their parameters.
        stylizer: needed by "gtr" views (and so by "ltr") and by "regions", if they are painted online.
        bank: likewise; "fourier" and "pixels" take its paintings.
        offline: what the stylizer would paint are pictures from beforehand, handed over at every call.

    Attributes:
        bank: the bank, if these views draw from it; else None.

    Raises:
        ValueError: a method with views that are painted online without stylizer or bank; a rival's option that no
            view of the method knows, or a bad value of one.

    Example:
        >>> from gltr_lib.config import METHODS
        >>> views = Views(METHODS["baseline2"])(torch.rand(2, 3, 8, 8))
        >>> len(views)
        2
    """

    def __init__(
        self,
        method: MethodConfig,
        stylizer: Stylizer | None = None,
        bank: StyleBank | None = None,
        *,
        offline: bool = False,
    ) -> None:
        self.method = method
        self.gtr: GlobalTextureRandomization | None = None
        self.ltr: LocalTextureRandomization | None = None
        chosen = bank.subset(method.styles) if bank is not None and method.styles else bank
        if method.needs_stylizer and not offline:
            if stylizer is None or chosen is None:
                raise ValueError(
                    f"the method {method.name!r} has views {method.views} and needs a stylizer and a bank; "
                    f'use Stylizer.load("mini") and StyleBank.load("paintings-mini")'
                )
            self.gtr = GlobalTextureRandomization(stylizer, chosen, alpha=method.alpha)
        if "ltr" in method.views:
            self.ltr = LocalTextureRandomization(sigma=method.sigma, share=method.share)
        rivals = [kind for kind in method.views if kind in baselines.NAMES]
        self.rivals = baselines.make_views(rivals, method.rival, bank=chosen)
        self.bank = bank if self.gtr is not None or method.shows_paintings else None

    @torch.no_grad()
    def __call__(
        self,
        images: Tensor,
        progress: float = 0.0,
        generator: Generators = None,
        copies: Sequence[Tensor] = (),
    ) -> list[Tensor]:
        """Make the views of a batch.

        Args:
            images: float tensor (B,3,H,W) in [0, 1].
            progress: share of the training that is done, 0 to 1; a scheduled LTR share reads it.
            generator: source of randomness; a sequence holds one for each picture.
            copies: for offline views, the painted pictures of each "gtr" view (and of each "regions" view that has
                no "gtr" view before it), tensors like ``images``.

        Returns:
            One tensor like ``images`` for each view of the method.
        """
        views: list[Tensor] = []
        waiting = list(copies)
        painted: Tensor | None = None  # the first gtr view before any picture of it was left raw
        for kind in self.method.views:
            if kind == "raw":
                views.append(images)
            elif kind == "gtr":
                view, whole = self._global(images, generator, waiting.pop(0) if waiting else None)
                painted = whole if painted is None else painted
                views.append(view)
            elif kind in self.rivals:
                paint = painted
                if kind == "regions" and painted is None:
                    paint = _paint(self.gtr, images, generator, waiting.pop(0) if waiting else None)
                views.append(self.rivals[kind](images, generator, paint))
            else:
                views.append(self._local(images, painted, progress, generator))
        return views

    def _global(self, images: Tensor, generator: Generators, copy: Tensor | None) -> tuple[Tensor, Tensor]:
        gtr, share = self.gtr, self.method.raw_share
        if gtr is None and copy is None:
            raise ValueError("an offline gtr view needs a painted copy of the pictures, and too few were given")
        if share == 0:
            painted = _paint(gtr, images, generator, copy)
            return painted, painted
        chosen = (uniform(len(images), generator) >= share).nonzero()[:, 0]
        styled = onto(chosen, images.device)
        if self.ltr is not None or copy is not None or "regions" in self.rivals:
            # The local view (or a box) mixes paint and picture: it needs the painted picture even where this view stays
            # raw (the official code mixes raw with raw there).
            painted = _paint(gtr, images, generator, copy)
            return images.index_copy(0, styled, painted[styled]), painted
        if len(styled) == 0:
            return images, images
        view = images.index_copy(0, styled, _paint(gtr, images[styled], choose(generator, chosen), None))
        return view, view

    def _local(self, images: Tensor, painted: Tensor | None, progress: float, generator: Generators) -> Tensor:
        if self.ltr is None or painted is None:
            raise ValueError('an "ltr" view needs a "gtr" view before it')
        power, share = self.method.schedule, self.method.share
        if power is not None and not isinstance(share, tuple):
            self.ltr.share = share_schedule(progress, 1, start=share, power=power)
        mixed, _ = self.ltr(images, painted, generator=generator)
        return mixed


def _paint(
    gtr: GlobalTextureRandomization | None, images: Tensor, generator: Generators, copy: Tensor | None
) -> Tensor:
    """The pictures painted now, or the copies that were painted beforehand."""
    if copy is not None:
        return copy
    if gtr is None:
        raise ValueError("an offline view needs a painted copy of the pictures, and too few were given")
    return gtr(images, generator=generator)
